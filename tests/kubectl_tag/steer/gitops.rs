//! Tags whose manifest somebody applies again and again.

use serde_json::json;

use super::told;
use crate::plugin::{Plugin, steady};
use crate::support::{Namespace, World, run};

#[test]
fn whoever_sets_a_field_back_is_named() {
    run(async {
        let here = Namespace::new(World::shared().await, "gitops").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        for name in ["applied", "flux", "follows"] {
            here.push(name, "latest", 0).await;
        }
        let numbered = json!({ "generation": 0, "suspend": false });
        here.apply(&here.tag("applied", numbered.clone())).await.unwrap();
        for (name, spec) in [("flux", numbered), ("follows", json!({}))] {
            let apply = ["apply", "--server-side", "--field-manager=kustomize-controller", "-f", "-"];
            here.with_input(&apply, &here.tag(name, spec)).await.unwrap();
        }
        for name in ["applied", "flux", "follows"] {
            here.wait_for_generation(name, 0).await;
        }
        let mut all = told(&plugin, &[&["upgrade", "applied"], &["upgrade", "flux", "-o", "name"]]).await;
        for name in ["applied", "flux"] {
            here.wait_for_generation(name, 1).await;
        }
        // What kubectl applied stays its own; of others nothing is known any more once they were overruled.
        all += &told(&plugin, &[&["unpin", "applied"], &["suspend", "flux", "follows"]]).await;
        // Nothing in its manifest says a number, so nothing sets it back.
        all += &told(&plugin, &[&["resume", "follows"], &["pin", "follows"]]).await;
        insta::assert_snapshot!("steer_gitops", all);
    });
}

#[test]
fn only_the_fields_that_a_command_is_about_become_the_plugins() {
    run(async {
        let here = Namespace::new(World::shared().await, "fields").await;
        let plugin = Plugin::new(&here);
        here.push("myapp", "latest", 0).await;
        here.apply(&here.tag("myapp", json!({ "generation": 0, "history": 3 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        plugin.text(&["import", "myapp"]).await;
        // Newer kubectls leave it out of what they get.
        let path = format!("/apis/images.io/v1/namespaces/{}/tags/myapp", here.name);
        let text = here.kubectl(&["get", "--raw", &path]).await.unwrap();
        let tag: serde_json::Value = serde_json::from_str(&text).unwrap();
        let ours = tag["metadata"]["managedFields"].as_array().unwrap();
        let ours = ours.iter().find(|entry| entry["manager"] == "tagger-plugin").unwrap();
        // Whether annotations are told too depends on the server.
        assert_eq!(ours["fieldsV1"]["f:spec"], json!({ "f:generation": {} }));
    });
}
