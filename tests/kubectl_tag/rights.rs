//! The rights that people are given, by `examples/` and by the manifests: enough for what the guides say, and no more.

use std::path::Path;

use serde_json::json;

use crate::plugin::Plugin;
use crate::support::{Namespace, World, eventually, run};

fn example(path: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    std::fs::read_to_string(examples.join(path)).unwrap()
}

/// Whether somebody may do something in a namespace.
async fn may(here: &Namespace<'_>, who: &str, what: &[&str]) -> bool {
    here.kubectl(&[&["auth", "can-i", "--as", who], what].concat()).await.is_ok()
}

#[test]
fn a_pipeline_may_move_a_tag_and_wait_for_it_and_may_write_no_image_and_see_no_secret() {
    run(async {
        let here = Namespace::new(World::shared().await, "pipeline").await;
        let kubectl = here.world.control_plane.kubectl();
        kubectl.apply(&example("ci/rbac.yaml").replace("production", &here.name)).await.unwrap();
        here.push("myapp", "latest", 0).await;
        here.apply(&here.tag("myapp", json!({}))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        let pipeline = format!("system:serviceaccount:{}:pipeline", here.name);
        let plugin = Plugin::new(&here);
        plugin.text(&["status", "myapp", "--as", &pipeline]).await;
        // No node runs the workload, so the wait ends with its time.
        let ended = plugin.run(&["import", "myapp", "--wait", "--timeout", "3s", "--as", &pipeline]).await;
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(!ended.stderr.contains("orbidden"), "{ended:?}");
        here.wait_for_generation("myapp", 1).await;
        plugin.text(&["downgrade", "myapp", "--as", &pipeline]).await;
        here.wait_for_generation("myapp", 0).await;
        let refused: [&[&str]; 4] = [
            &["patch", "deployments"],
            &["get", "secrets"],
            &["delete", "tags"],
            &["patch", "tags", "--subresource=status"],
        ];
        for refused in refused {
            assert!(!may(&here, &pipeline, refused).await, "{refused:?}");
        }
    });
}

#[test]
fn who_may_edit_or_view_a_namespace_may_edit_or_view_its_tags_and_no_others() {
    run(async {
        let here = Namespace::new(World::shared().await, "tenant").await;
        for role in ["edit", "view"] {
            let (role, user) = (format!("--clusterrole={role}"), format!("--user=who-may-{role}"));
            here.kubectl(&["create", "rolebinding", &user[7..], &role, &user]).await.unwrap();
        }
        eventually("the roles are gathered", || async {
            may(&here, "who-may-edit", &["create", "tags"]).await.then_some(())
        })
        .await;
        assert!(may(&here, "who-may-edit", &["list", "tags"]).await);
        assert!(may(&here, "who-may-view", &["list", "tags"]).await);
        assert!(!may(&here, "who-may-view", &["patch", "tags"]).await);
        assert!(!may(&here, "who-may-edit", &["patch", "tags", "--subresource=status"]).await);
        assert!(!may(&here, "who-may-edit", &["list", "tags", "--namespace", "default"]).await);
    });
}
