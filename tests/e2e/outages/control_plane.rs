//! Parts of the control plane go away and come back.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use tagger_testkit::control_plane::{ControlPlane, Part};

use super::ground::Ground;
use crate::support::{Namespace, World, a_moment, eventually, run};

/// What goes away.
#[derive(Clone, Copy, Debug)]
enum Outage {
    EtcdHangs,
    EtcdDies,
    ApiServerHangs,
    ApiServerDies,
    AllDie,
}

impl Outage {
    fn begin(self, control_plane: &ControlPlane) {
        match self {
            Self::EtcdHangs => control_plane.signal_part(Part::Etcd, "STOP").unwrap(),
            Self::EtcdDies => control_plane.kill_part(Part::Etcd).unwrap(),
            Self::ApiServerHangs => control_plane.signal_part(Part::ApiServer, "STOP").unwrap(),
            Self::ApiServerDies => control_plane.stop_api_server().unwrap(),
            Self::AllDie => {
                for part in [Part::ControllerManager, Part::ApiServer, Part::Etcd] {
                    control_plane.kill_part(part).unwrap();
                }
            }
        }
    }

    async fn end(self, control_plane: &ControlPlane) {
        match self {
            Self::EtcdHangs => control_plane.signal_part(Part::Etcd, "CONT").unwrap(),
            Self::EtcdDies => control_plane.start_part(Part::Etcd).unwrap(),
            Self::ApiServerHangs => control_plane.signal_part(Part::ApiServer, "CONT").unwrap(),
            Self::ApiServerDies => control_plane.start_api_server().await.unwrap(),
            Self::AllDie => {
                control_plane.start_part(Part::Etcd).unwrap();
                control_plane.start_api_server().await.unwrap();
                control_plane.start_part(Part::ControllerManager).unwrap();
            }
        }
        control_plane.wait_until_ready().await.unwrap();
    }
}

#[rstest]
fn an_outage_leaves_nothing_behind(
    #[values(
        Outage::EtcdHangs,
        Outage::EtcdDies,
        Outage::ApiServerHangs,
        Outage::ApiServerDies,
        Outage::AllDie
    )]
    outage: Outage,
) {
    run(async {
        let ground = Ground::take().await;
        let here = Namespace::new(ground.world(), "outage").await;
        let control_plane = &ground.world().control_plane;
        let first = here.ready_tag("myapp").await;
        here.apply(&here.deployment("before", "myapp")).await.unwrap();
        // A generation is on its way when it begins.
        let second = here.push("myapp", "latest", 1).await;
        here.patch_tag("myapp", json!({ "generation": 1 })).await;
        outage.begin(control_plane);
        tokio::time::sleep(Duration::from_secs(3)).await;
        outage.end(control_plane).await;

        here.wait_for_generation("myapp", 1).await;
        here.wait_for_image("deployment", "before", &second).await;
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1), "it was published once");
        here.apply(&here.deployment("after", "myapp")).await.unwrap();
        assert_eq!(here.image_of("deployment", "after").await, Some(second), "admission answers");
        here.go_to_generation("myapp", 0).await;
        for name in ["before", "after"] {
            here.wait_for_image("deployment", name, &first).await;
        }
        assert!(ground.world().operator.is_running(), "nobody started it again");
    });
}

#[test]
fn a_definition_of_tags_that_is_missing_stops_nobody_and_is_noticed_when_it_is_back() {
    run(async {
        let ground = Ground::take().await;
        let world = ground.world();
        let here = Namespace::new(world, "definition").await;
        let first = here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        let definition = ["delete", "crd", "tags.images.io", "--timeout=60s"];
        here.kubectl(&definition).await.unwrap();
        a_moment().await;
        assert_eq!(here.image_of("deployment", "d").await, Some(first.clone()), "what runs goes on");
        here.kubectl(&["scale", "deployment", "d", "--replicas=3"]).await.unwrap();
        here.kubectl(&["create", "deployment", "plain", "--image=nginx"]).await.unwrap();

        // It starts without the definition too, and waits for it.
        world.operator.kill().unwrap();
        world.operator.launch().unwrap();
        a_moment().await;
        here.kubectl(&["scale", "deployment", "d", "--replicas=2"]).await.unwrap();
        assert!(world.operator.is_running());
        World::install(&world.control_plane).await;
        world.operator.wait_until_ready().await.unwrap();
        here.apply(&here.tag("myapp", json!({ "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        here.apply(&here.deployment("e", "myapp")).await.unwrap();
        here.wait_for_image("deployment", "e", &first).await;
        let second = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        for name in ["d", "e"] {
            here.wait_for_image("deployment", name, &second).await;
        }
    });
}

#[test]
fn rights_that_are_taken_away_are_used_again_when_they_are_given_back() {
    run(async {
        let ground = Ground::take().await;
        let world = ground.world();
        let here = Namespace::new(world, "rights").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        for binding in ["clusterrolebinding/tagger", "clusterrolebinding/tagger-credentials"] {
            here.kubectl(&["delete", binding]).await.unwrap();
        }
        here.kubectl(&["delete", "rolebinding", "tagger", "--namespace=tagger"]).await.unwrap();
        ground.api.break_connections().await.unwrap();
        let second = here.push("myapp", "latest", 1).await;
        here.patch_tag("myapp", json!({ "generation": 1 })).await;
        eventually("it is refused", || async {
            ground.api.requests().iter().any(|asked| asked.status == Some(403)).then_some(())
        })
        .await;
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
        here.apply(&here.deployment("e", "myapp")).await.unwrap();
        assert!(here.image_of("deployment", "e").await.unwrap().contains("@sha256:"), "from memory");
        assert!(world.operator.is_running());

        World::install(&world.control_plane).await;
        here.wait_for_generation("myapp", 1).await;
        for name in ["d", "e"] {
            here.wait_for_image("deployment", name, &second).await;
        }
    });
}
