//! The commands that only look: status, history, explain.

use serde_json::json;

use crate::plugin::{Plugin, steady};
use crate::support::{Namespace, World, run};

/// A document as it is shown.
async fn document(plugin: &Plugin, arguments: &[&str]) -> String {
    serde_json::to_string_pretty(&plugin.json(arguments).await).unwrap()
}

#[test]
fn what_the_cluster_knows_is_told_to_programs_as_well() {
    run(async {
        let here = Namespace::new(World::shared().await, "read").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        here.go_to_generation("myapp", 0).await;
        let plugin = Plugin::new(&here);
        let _steady = steady(&here);
        insta::assert_snapshot!("status_json", document(&plugin, &["status"]).await);
        insta::assert_snapshot!("history_json", document(&plugin, &["history", "myapp"]).await);
        insta::assert_snapshot!("explain_json", document(&plugin, &["explain", "deploy/web"]).await);
        assert_eq!(plugin.text(&["status", "-o", "name"]).await, "tag.images.io/myapp\n");
        assert_eq!(plugin.text(&["history", "myapp", "-o", "name"]).await, "1\n0\n");
        let wide = plugin.text(&["status", "-o", "wide"]).await;
        let mut lines = wide.lines();
        assert!(lines.next().unwrap().contains("FROM"), "{wide}");
        assert!(lines.next().unwrap().contains(&here.repository("myapp")), "{wide}");
    });
}

#[test]
fn where_there_is_nothing_that_is_said_and_is_no_failure() {
    run(async {
        let here = Namespace::new(World::shared().await, "empty").await;
        let ended = Plugin::new(&here).run(&["status"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (0, ""));
        assert!(
            ended.stderr.starts_with(&format!("No Tags found in the namespace {}.", here.name)),
            "{}",
            ended.stderr
        );
        let everywhere = Plugin::new(&here).run_anywhere(&["status", "-A", "-l", "no=such"]).await;
        assert_eq!((everywhere.code, everywhere.stdout.as_str()), (0, ""));
    });
}

#[test]
fn a_workload_that_follows_nothing_is_told_why() {
    run(async {
        let here = Namespace::new(World::shared().await, "why").await;
        here.ready_tag("myapp").await;
        let mut plain = here.deployment("plain", "myapp");
        plain["metadata"]["annotations"] = json!({});
        plain["spec"]["template"]["metadata"]["annotations"] = json!({ "image-tag": "true" });
        here.apply(&plain).await.unwrap();
        here.apply(&here.deployment("typo", "myap")).await.unwrap();
        let plugin = Plugin::new(&here);
        let _steady = steady(&here);
        insta::assert_snapshot!("explain_not_annotated", plugin.text(&["explain", "deployment/plain"]).await);
        insta::assert_snapshot!("explain_no_such_tag", plugin.text(&["explain", "deployment", "typo"]).await);
        let ended = plugin.run(&["explain", "deployment/none"]).await;
        assert_eq!(ended.code, 1);
        insta::assert_snapshot!("explain_no_such_workload", ended.stderr);
    });
}

#[test]
fn what_a_registry_does_not_tell_is_left_open() {
    run(async {
        let here = Namespace::new(World::shared().await, "open").await;
        let reference = here.ready_tag("myapp").await;
        let (repository, digest) = (format!("{}/myapp", here.name), reference.split_once('@').unwrap().1);
        here.world.registry.target().delete(&repository, digest).await.unwrap();
        let ended = Plugin::new(&here).run(&["history", "myapp", "-o", "wide"]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.lines().nth(1).unwrap().contains('?'), "{}", ended.stdout);
        assert!(ended.stderr.starts_with("generation 0:"), "{}", ended.stderr);
    });
}
