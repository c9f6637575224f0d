//! Tags that come back from a backup.

use serde_json::{Value, json};

use crate::support::{Namespace, World, run};

impl Namespace<'_> {
    /// What a backup keeps of a Tag.
    async fn backed_up(&self, tag: &str) -> Value {
        let mut kept = self.get("tag", tag).await.unwrap();
        let metadata = kept["metadata"].as_object_mut().unwrap();
        metadata.retain(|field, _| matches!(field.as_str(), "name" | "namespace"));
        kept
    }

    /// Creates a Tag, and then gives it the status that was kept.
    async fn restore(&self, kept: &Value) {
        self.with_input(&["create", "--validate=false", "-f", "-"], kept).await.unwrap();
        let name = kept["metadata"]["name"].as_str().unwrap();
        let mut created = self.get("tag", name).await.unwrap();
        created["status"] = kept["status"].clone();
        let place = format!("/apis/images.io/v1/namespaces/{}/tags/{name}/status", self.name);
        self.with_input(&["replace", "--raw", &place, "-f", "-"], &created).await.unwrap();
    }
}

#[test]
fn tags_that_are_restored_with_their_status_before_the_operator_runs_go_on_where_they_were() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "restored").await;
        let first = here.ready_tag("held").await;
        here.apply(&here.deployment("web", "held")).await.unwrap();
        let second = here.push("held", "latest", 1).await;
        here.go_to_generation("held", 1).await;
        here.go_to_generation("held", 0).await;
        here.wait_for_image("deployment", "web", &first).await;
        let kept = here.backed_up("held").await;

        world.operator.stop().unwrap();
        here.kubectl(&["delete", "tag", "held"]).await.unwrap();
        for webhook in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
            here.kubectl(&["delete", webhook, "tagger"]).await.unwrap();
        }
        // Nothing of it needs the registry.
        world.registry.stop().unwrap();
        here.restore(&kept).await;
        world.operator.start_again().await.unwrap();

        here.wait_for_generation("held", 0).await;
        let status = here.get("tag", "held").await.unwrap()["status"].clone();
        assert_eq!(status["references"], kept["status"]["references"]);
        here.go_to_generation("held", 1).await;
        here.wait_for_image("deployment", "web", &second).await;
    });
}

#[test]
fn a_tag_that_lost_its_status_is_a_new_one_and_workloads_go_to_what_its_registry_has_now() {
    run(async {
        let here = Namespace::new(World::shared().await, "lost").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        let now = here.push("myapp", "latest", 1).await;
        here.kubectl(&["delete", "tag", "myapp"]).await.unwrap();
        let numbered = here.apply(&here.tag("myapp", json!({ "generation": 1 }))).await.unwrap_err();
        assert!(numbered.contains("generation must be one of: [0]"), "{numbered}");
        here.apply(&here.tag("myapp", json!({}))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        here.wait_for_image("deployment", "web", &now).await;
    });
}
