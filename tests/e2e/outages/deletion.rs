//! Things go while they are worked on, or are not what they should be.

use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, stream};
use rstest::rstest;
use serde_json::{Value, json};
use tagger_testkit::proxy::{Fault, Match};

use super::ground::Ground;
use crate::support::{Namespace, a_moment, eventually, run};

/// How many Tags there are beside the one that can't be read.
const OTHERS: usize = 999;

#[rstest]
#[case::its_source_hangs(false)]
#[case::the_cache_hangs(true)]
fn a_namespace_that_is_deleted_while_a_tag_of_it_is_copied_ends(#[case] in_cache: bool) {
    run(async {
        let ground = Ground::take().await;
        let here = Namespace::new(ground.world(), "ending").await;
        let other = Namespace::new(ground.world(), "staying").await;
        let blobs = format!("/{}/myapp/blobs/", here.name);
        let of_ours = || Match::any().when(move |request| request.path.contains(&blobs));
        let hanging = if in_cache { &ground.cached.proxy } else { &ground.world().proxy };
        hanging.fault(of_ours(), Fault::never());
        here.push("myapp", "latest", 0).await;
        here.apply(&here.proxied_tag("myapp", json!({ "cache": true }))).await.unwrap();
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        assert_eq!(here.wait_for_condition("myapp", "Reconciling").await.0, "Mirroring");
        let delete = ["delete", "namespace", &here.name, "--timeout=40s"];
        ground.world().control_plane.kubectl().run(&delete).await.unwrap();
        a_moment().await;
        hanging.take_requests();
        a_moment().await;
        // Tags of tests before this one may be asked for as well.
        let ours = format!("/{}/", here.name);
        let asked = hanging.requests().into_iter().map(|request| request.path);
        let asked: Vec<_> = asked.filter(|path| path.contains(&ours)).collect();
        assert!(asked.is_empty(), "nobody works for it any more: {asked:?}");
        other.ready_tag("myapp").await;
        assert!(ground.world().operator.is_running());
    });
}

#[test]
fn one_tag_that_cannot_be_decoded_is_left_alone_and_a_thousand_others_are_followed() {
    run(async {
        let ground = Ground::take().await;
        let world = ground.world();
        let control_plane = &world.control_plane;
        let here = Namespace::new(world, "undecodable").await;
        let reference = here.push("myapp", "latest", 0).await;
        let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tags.images.io";
        let tags = format!("/apis/images.io/v1/namespaces/{}/tags", here.name);
        // As one that was written before there was a schema.
        let (_, stored) = control_plane.ask("GET", definition, None).await.unwrap();
        let versions = stored["spec"]["versions"].clone();
        let mut loose = versions.clone();
        loose[0]["schema"]["openAPIV3Schema"] =
            json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let put = async |versions: &Value| {
            let patch = json!({ "spec": { "versions": versions } });
            let (status, answer) = control_plane.ask("PATCH", definition, Some(&patch)).await.unwrap();
            assert_eq!(status, 200, "{answer}");
        };
        // Nor was there anybody who would refuse it.
        world.operator.kill().unwrap();
        put(&loose).await;
        let mut broken = here.tag("broken", json!({}));
        broken["spec"]["generation"] = json!({ "of": "another kind" });
        broken["spec"]["history"] = json!("five");
        eventually("one without a schema", || async {
            let (status, _) = control_plane.ask("POST", &tags, Some(&broken)).await.unwrap();
            (status == 201).then_some(())
        })
        .await;
        put(&versions).await;
        world.operator.start_again().await.unwrap();

        let make = |number: usize| {
            let (here, tags) = (&here, &tags);
            async move {
                let mut tag = here.tag("myapp", json!({}));
                tag["metadata"]["name"] = json!(format!("tag-{number}"));
                let (status, answer) = control_plane.ask("POST", tags, Some(&tag)).await.unwrap();
                assert_eq!(status, 201, "{answer}");
            }
        };
        stream::iter(0..OTHERS).for_each_concurrent(16, make).await;
        // So many take their time on a busy machine, and go on all the while.
        for share in 1..=4 {
            let wanted = OTHERS * share / 4;
            eventually(&format!("{wanted} others are Ready"), || async {
                // A list of so many is work, and the API server has enough to do.
                tokio::time::sleep(Duration::from_secs(1)).await;
                let (_, list) = control_plane.ask("GET", &tags, None).await.unwrap();
                let ready = list["items"].as_array()?.iter().filter(|tag| tag["status"]["generation"] == 0);
                (ready.count() >= wanted).then_some(())
            })
            .await;
        }
        // All are there when it starts as well, on whatever page of the list.
        world.operator.kill().unwrap();
        world.operator.start_again().await.unwrap();
        let names = ["tag-0", "tag-500", "tag-998"];
        join_all(names.map(|name| here.wait_for_generation(name, 0))).await;
        for name in names {
            let deployment = here.deployment(name, name);
            here.apply(&deployment).await.unwrap();
            assert_eq!(here.image_of("deployment", name).await.as_ref(), Some(&reference));
        }
        assert!(world.operator.logged().contains("can't be decoded"));
        // Put right, it is followed as the others are.
        let spec = json!({ "spec": { "generation": null, "history": null } });
        let (status, answer) =
            control_plane.ask("PATCH", &format!("{tags}/broken"), Some(&spec)).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        let (status, answer) = control_plane
            .ask(
                "PATCH",
                &format!("{tags}/broken"),
                Some(&json!({ "spec": here.tag("myapp", json!({}))["spec"] })),
            )
            .await
            .unwrap();
        assert_eq!(status, 200, "{answer}");
        here.wait_for_generation("broken", 0).await;
        let delete = ["delete", "namespace", &here.name, "--timeout=60s"];
        control_plane.kubectl().run(&delete).await.unwrap();
    });
}
