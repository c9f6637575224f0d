//! Up, down, held, and on again.

use serde_json::{Value, json};

use super::{tag, tag_with_three, told, written};
use crate::plugin::{Plugin, steady};
use crate::support::{Namespace, World, run};

/// The generation that the annotation of a Tag asks for.
fn asked(tag: &Value) -> Value {
    let text = tag["metadata"]["annotations"]["images.io/import"].as_str().unwrap();
    serde_json::from_str::<Value>(text).unwrap()["generation"].clone()
}

#[test]
fn a_tag_with_a_number_goes_up_and_down() {
    run(async {
        let here = Namespace::new(World::shared().await, "steps").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        tag(&here, &plugin, "myapp", &["--generation", "0"]).await;
        here.push("myapp", "latest", 1).await;
        let mut all = told(&plugin, &[&["upgrade", "myapp"]]).await;
        here.wait_for_generation("myapp", 1).await;
        all += &told(&plugin, &[&["import", "myapp"]]).await;
        here.wait_for_generation("myapp", 2).await;
        // The second step goes on from the first, whether the operator has seen that or not.
        all += &told(&plugin, &[&["downgrade", "myapp"], &["downgrade", "myapp"]]).await;
        here.wait_for_generation("myapp", 0).await;
        all += &told(&plugin, &[&["upgrade", "myapp"]]).await;
        here.wait_for_generation("myapp", 1).await;
        all += &told(&plugin, &[&["import", "myapp"]]).await;
        here.wait_for_generation("myapp", 3).await;
        insta::assert_snapshot!("steer_steps", all);
    });
}

#[test]
fn a_tag_is_held_and_follows_again() {
    run(async {
        let here = Namespace::new(World::shared().await, "held").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        tag_with_three(&here, &plugin, "myapp", &[]).await;
        let mut all = told(&plugin, &[&["unpin", "myapp"], &["unpin", "myapp"]]).await;
        assert_eq!(here.get("tag", "myapp").await.unwrap()["spec"]["generation"], json!(null));
        all += &told(&plugin, &[&["downgrade", "myapp"]]).await;
        here.wait_for_generation("myapp", 1).await;
        all += &told(&plugin, &[&["unpin", "myapp"]]).await;
        here.wait_for_generation("myapp", 2).await;
        let pins: [&[&str]; 4] = [
            &["pin", "myapp", "--generation", "0"],
            &["pin", "myapp", "--generation", "0"],
            &["pin", "myapp", "-g", "2"],
            &["pin", "myapp"],
        ];
        all += &told(&plugin, &pins).await;
        insta::assert_snapshot!("steer_held", all);
    });
}

#[test]
fn an_import_of_a_tag_that_follows_is_asked_for_beside_its_specification() {
    run(async {
        let here = Namespace::new(World::shared().await, "asked").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        for name in ["imported", "upgraded"] {
            tag(&here, &plugin, name, &[]).await;
        }
        let all = told(&plugin, &[&["import", "imported"], &["upgrade", "upgraded"]]).await;
        insta::assert_snapshot!("steer_asked", all);
        for name in ["imported", "upgraded"] {
            let tag = here.get("tag", name).await.unwrap();
            assert_eq!(asked(&tag), 1);
            assert_eq!(tag["spec"]["generation"], json!(null));
            here.wait_for_generation(name, 1).await;
        }
    });
}

#[test]
fn a_dry_run_changes_nothing_and_every_form_shows_the_tag() {
    run(async {
        let here = Namespace::new(World::shared().await, "forms").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        tag_with_three(&here, &plugin, "myapp", &[]).await;
        let before = here.get("tag", "myapp").await.unwrap();
        let mut all = String::new();
        for command in ["import", "upgrade", "downgrade", "pin", "unpin", "suspend", "resume"] {
            for wish in ["--dry-run", "--dry-run=server"] {
                all += &told(&plugin, &[&[command, "myapp", wish]]).await;
            }
        }
        all += &told(&plugin, &[&["downgrade", "myapp", "--dry-run=server", "-o", "name"]]).await;
        insta::assert_snapshot!("steer_dry_runs", all);
        for wish in ["--dry-run=client", "--dry-run=server"] {
            let shown = plugin.json(&["upgrade", "myapp", wish]).await;
            assert_eq!(shown["spec"]["generation"], 3, "{wish}");
            assert_eq!(asked(&shown), 3, "{wish}");
        }
        let after = here.get("tag", "myapp").await.unwrap();
        assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
        let shown = plugin.json(&["downgrade", "myapp"]).await;
        insta::assert_snapshot!("steer_json", written(&shown));
        let yaml = plugin.text(&["pin", "myapp", "--generation", "0", "-o", "yaml"]).await;
        assert!(yaml.starts_with("apiVersion: images.io/v1\nkind: Tag\n"), "{yaml}");
        assert!(yaml.contains("  generation: 0\n"), "{yaml}");
    });
}
