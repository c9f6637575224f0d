//! Steps that make no sense.

use serde_json::json;

use super::{tag, tag_with_three, told};
use crate::plugin::{Plugin, steady};
use crate::support::{Namespace, World, run};

#[test]
fn a_step_that_makes_no_sense_is_refused_with_what_does() {
    run(async {
        let here = Namespace::new(World::shared().await, "refused").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        let mut all = told(&plugin, &[&["upgrade", "myapp"]]).await;
        tag(&here, &plugin, "myapp", &[]).await;
        all += &told(&plugin, &[&["upgrade", "myap"], &["import", "zzz"], &["downgrade", "myapp"]]).await;
        here.push("fixed", "latest", 0).await;
        let reference = here.push("fixed", "latest", 0).await;
        plugin.text(&["new", "fixed", "--from", &reference]).await;
        here.wait_for_generation("fixed", 0).await;
        let missing = format!("{}:latest", here.repository("missing"));
        plugin.text(&["new", "missing", "--from", &missing]).await;
        here.wait_for_condition("missing", "Reconciling").await;
        all += &told(&plugin, &[&["upgrade", "fixed"]]).await;
        for command in ["upgrade", "downgrade", "pin"] {
            all += &told(&plugin, &[&[command, "missing"]]).await;
        }
        all += &told(&plugin, &[&["pin", "missing", "--generation", "1"]]).await;
        insta::assert_snapshot!("steer_refused", all);
    });
}

#[test]
fn a_generation_that_was_pruned_is_refused_with_those_that_are_there() {
    run(async {
        let here = Namespace::new(World::shared().await, "pruned").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        tag_with_three(&here, &plugin, "myapp", &["--history", "2"]).await;
        let known = here.get("tag", "myapp").await.unwrap()["status"]["references"].clone();
        assert_eq!(
            known.as_array().unwrap().iter().map(|one| &one["generation"]).collect::<Vec<_>>(),
            [&json!(2), &json!(1)]
        );
        let mut all = told(&plugin, &[&["pin", "myapp", "--generation", "0"], &["downgrade", "myapp"]]).await;
        all += &told(&plugin, &[&["downgrade", "myapp"]]).await;
        insta::assert_snapshot!("steer_pruned", all);
    });
}
