//! Push notifications on their way into the operator: from a real registry, with secrets of a real Secret.

use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::support::{World, eventually, run};

const OLD: &str = "the-old-secret-of-the-test";
const NEW: &str = "the-new-secret-of-the-test";

async fn post(url: &str, secret: &str) -> u16 {
    let body = r#"{"push_data":{"tag":"v1"},"repository":{"repo_name":"a/b"},"docker_url":"a.io/b","updated_tags":[],"events":[]}"#;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).header("authorization", secret).body(body).send().await.unwrap();
    answer.status().as_u16()
}

async fn set_secret(world: &World, secret: &str) {
    let yaml = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: tagger-receiver, namespace: tagger}}\n\
         stringData: {{distribution: {secret}, docker-hub: {secret}, quay: {secret}}}\n"
    );
    world.control_plane.kubectl().apply(&yaml).await.unwrap();
}

#[test]
fn notifications_are_let_in_by_the_secret_of_the_moment_and_each_listener_serves_its_own() {
    run(async {
        let world = World::start(&["--receiver-open", "azure"]).await;
        let (all, docker, quay) =
            (world.operator.receiver(), world.operator.docker_webhooks(), world.operator.quay_webhooks());
        let url = format!("{all}/distribution");
        let becomes = async |secret: &str, code: u16| {
            let look = || async { (post(&url, secret).await == code).then_some(()) };
            eventually(&format!("{code} for {secret}"), look).await;
        };
        becomes(OLD, 404).await;
        assert_eq!(post(&format!("{all}/azure"), "").await, 400, "it was opened, and asks for an action");

        set_secret(&world, OLD).await;
        becomes(OLD, 200).await;
        assert_eq!(post(&format!("{docker}/docker-hub/{OLD}"), "").await, 202);
        assert_eq!(post(&format!("{docker}/distribution"), OLD).await, 404);
        assert_eq!(post(&format!("{quay}/quay/{OLD}"), "").await, 200);
        assert_eq!(post(&format!("{quay}/docker-hub/{OLD}"), "").await, 404);

        let options = RegistryOptions::default().notify(&url, Some(OLD));
        let registry = Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap();
        Image::single(1).push(&registry, "team/myapp", "v1").await.unwrap();
        eventually("the registry's notification", || async {
            let line = r#"tagger_receiver_references_total{provider="distribution",fate="queued"} 1"#;
            world.operator.metrics().await.unwrap().contains(line).then_some(())
        })
        .await;

        set_secret(&world, NEW).await;
        becomes(NEW, 200).await;
        assert_eq!(post(&url, OLD).await, 401);
        let log = std::fs::read_to_string(world.operator.log()).unwrap();
        assert!(!log.contains(OLD) && !log.contains(NEW), "{log}");
    });
}
