//! The operator is killed at each step of a mirror, and of what comes after it.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};

use super::ground::Ground;
use crate::support::cached::pull;
use crate::support::{Namespace, a_moment, eventually, run};

/// Where the operator is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    FirstBlob,
    ManifestOfAPlatform,
    Index,
    CurrentTag,
    Status,
    /// The status is stored; whoever wrote it never hears of that.
    AfterStatus,
}

#[rstest]
fn an_operator_that_is_killed_publishes_each_generation_once_and_loses_none(
    #[values(
        Step::FirstBlob,
        Step::ManifestOfAPlatform,
        Step::Index,
        Step::CurrentTag,
        Step::Status,
        Step::AfterStatus
    )]
    step: Step,
) {
    run(async {
        let ground = Ground::take().await;
        let (world, cached) = (ground.world(), &ground.cached);
        let here = Namespace::new(world, "kills").await;
        let repository = format!("{}/myapp", here.name);
        let push = async |seed: u64| {
            Image::index(seed, &["linux/amd64", "linux/arm64"])
                .layers(3, 16 * 1024)
                .push(&world.registry, &repository, "latest")
                .await
                .unwrap()
        };
        let first = push(1).await;
        here.apply(&here.tag("myapp", json!({ "cache": true, "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        let before = here.get("tag", "myapp").await.unwrap()["status"].clone();

        let of_ours = {
            let mine = format!("/{}/", here.name);
            move || {
                let mine = mine.clone();
                Match::any().when(move |asked| asked.path.contains(&mine))
            }
        };
        let status = || of_ours().method("PUT").path("/myapp/status").after(1);
        match step {
            Step::FirstBlob => {
                cached.proxy.fault(of_ours().method("PUT").path("/uploads/").after(1), Fault::never())
            }
            Step::ManifestOfAPlatform => {
                cached.proxy.fault(of_ours().method("PUT").path("/manifests/sha256"), Fault::never())
            }
            Step::Index => cached.proxy.fault(of_ours().method("PUT").path("/manifests/g1"), Fault::never()),
            Step::CurrentTag => {
                cached.proxy.fault(of_ours().method("PUT").path("/manifests/current"), Fault::never())
            }
            Step::Status => {}
            Step::AfterStatus => ground.api.fault(status(), Fault::forward().answer_lost()),
        }
        if step == Step::Status {
            // The first that it writes of this may be how far it is; none of them arrives.
            ground.api.fault(of_ours().method("PUT").path("/myapp/status"), Fault::never());
        }
        for proxy in [&cached.proxy, &ground.api] {
            proxy.take_requests();
        }
        let second = push(2).await;
        here.patch_tag("myapp", json!({ "generation": 1 })).await;
        eventually("the step", || async {
            let asked =
                if matches!(step, Step::Status | Step::AfterStatus) { &ground.api } else { &cached.proxy };
            let hangs = asked.requests().iter().any(|asked| {
                asked.method == "PUT" && asked.status.is_none() && asked.path.contains(&here.name)
            });
            let is_stored = here.generations("myapp").await.1 == 1;
            (hangs || step == Step::AfterStatus && is_stored).then_some(())
        })
        .await;
        world.operator.kill().unwrap();
        let published = here.get("tag", "myapp").await.unwrap()["status"].clone();
        if step != Step::AfterStatus {
            assert_eq!(published["references"], before["references"], "nothing is half-published");
            assert_eq!(
                here.image_of("deployment", "d").await.as_ref(),
                before["imageReference"].as_str().map(str::to_owned).as_ref()
            );
        }
        cached.proxy.heal();
        ground.api.heal();
        world.operator.start_again().await.unwrap();
        here.wait_for_generation("myapp", 1).await;
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1));
        let status = here.get("tag", "myapp").await.unwrap()["status"].clone();
        let digests: Vec<&Value> =
            status["references"].as_array().unwrap().iter().map(|known| &known["digest"]).collect();
        assert_eq!(digests, [&json!(second.digest), &json!(first.digest)]);
        assert_eq!(status["references"][1], before["references"][0], "what was there stays as it was");
        here.wait_for_image("deployment", "d", status["imageReference"].as_str().unwrap()).await;
        for (digest, tag) in [(&first.digest, "g0"), (&second.digest, "g1"), (&second.digest, "current")] {
            assert_eq!(cached.digest(&here, "myapp", tag).await.as_ref(), Some(digest), "{tag}");
            pull(cached.cache.target(), &repository, digest).await;
        }
        // Once more, and nothing is done again.
        let version = here.get("tag", "myapp").await.unwrap()["metadata"]["resourceVersion"].clone();
        world.operator.kill().unwrap();
        world.operator.start_again().await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        a_moment().await;
        assert_eq!(here.get("tag", "myapp").await.unwrap()["metadata"]["resourceVersion"], version);
    });
}
