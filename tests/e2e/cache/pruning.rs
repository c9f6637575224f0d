//! What nobody needs any more goes from the cache, and nothing else.

use serde_json::{Value, json};
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};
use tagger_testkit::registry::RegistryOptions;

use crate::support::cached::{Cached, digest_of, pull};
use crate::support::{Namespace, a_moment, eventually, run};

/// Imports a new generation of a cached Tag that keeps two.
async fn import(here: &Namespace<'_>, name: &str, number: u32, seed: u64) -> String {
    let source = here.push(name, "latest", seed).await;
    let tag = here.tag(name, json!({ "cache": true, "history": 2, "generation": number }));
    here.apply(&tag).await.unwrap();
    here.wait_for_generation(name, number.into()).await;
    source
}

async fn wait_until_gone(cached: &Cached, here: &Namespace<'_>, name: &str, tags: &[&str]) {
    for tag in tags {
        eventually(&format!("{tag} of {name} gone from the cache"), || async {
            cached.digest(here, name, tag).await.is_none().then_some(())
        })
        .await;
    }
}

#[test]
fn what_falls_out_of_the_history_goes_from_the_cache_and_what_stays_stays() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "prune").await;
        let mut sources = Vec::new();
        for number in 0..4 {
            sources.push(import(&here, "myapp", number, 70 + u64::from(number)).await);
        }
        wait_until_gone(cached, &here, "myapp", &["g0", "g1"]).await;
        for (tag, source) in [("g2", 2), ("g3", 3), ("current", 3)] {
            let digest = cached.digest(&here, "myapp", tag).await;
            assert_eq!(digest.as_deref(), Some(digest_of(&sources[source])), "{tag}");
        }
        for gone in &sources[..2] {
            assert_eq!(cached.digest(&here, "myapp", digest_of(gone)).await, None, "{gone}");
        }
        here.wait_for_generation("myapp", 3).await;
    });
}

/// A registry that keeps a manifest for as long as it has a tag.
#[test]
fn a_manifest_that_does_not_go_before_its_tag_goes_after_it() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "tagged").await;
        let repository = format!("{}/myapp", here.name);
        let removals = || Match::manifest().method("DELETE").repository(&repository);
        cached.proxy.fault(removals().path("sha256:").times(1), Fault::oci_error(400, "MANIFEST_INVALID"));
        cached.proxy.fault(removals().path("/g"), Fault::status(202));
        let first = import(&here, "myapp", 0, 190).await;
        for number in 1..3 {
            import(&here, "myapp", number, 190 + u64::from(number)).await;
        }
        wait_until_gone(cached, &here, "myapp", &["g0", digest_of(&first)]).await;
    });
}

#[test]
fn a_cache_that_can_not_be_tidied_makes_no_tag_less_ready() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "untidy").await;
        import(&here, "myapp", 0, 60).await;
        let lists = || Match::tags().repository(&format!("{}/myapp", here.name));
        cached.proxy.fault(lists(), Fault::status(500));
        for number in 1..4 {
            import(&here, "myapp", number, 60 + u64::from(number)).await;
        }
        eventually("a try to tidy", || async {
            let log = std::fs::read_to_string(cached.world.operator.log()).unwrap();
            let told = |line: &str| line.contains("could not be tidied") && line.contains(&here.name);
            log.lines().any(told).then_some(())
        })
        .await;
        here.wait_for_generation("myapp", 3).await;
        assert!(cached.digest(&here, "myapp", "g0").await.is_some());
        let told = here.events_on("Tag", "myapp").await;
        assert!(told.iter().all(|reason| reason == "Imported"), "{told:?}");
    });
}

#[test]
fn an_image_for_several_platforms_goes_with_all_that_it_alone_consists_of() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "platforms").await;
        let repository = format!("{}/myapp", here.name);
        let platforms = ["linux/amd64", "linux/arm64"];
        let mut pushed = Vec::new();
        for number in 0..3_u32 {
            // The second has the platforms of the first, and is another index.
            let image = Image::index(70 + u64::from(number / 2), &platforms);
            let image = image.annotation("number", &number.to_string());
            pushed.push(image.push(&cached.world.registry, &repository, "latest").await.unwrap());
            let more = json!({ "cache": true, "history": 1, "generation": number });
            here.apply(&here.tag("myapp", more)).await.unwrap();
            here.wait_for_generation("myapp", number.into()).await;
            if number == 1 {
                wait_until_gone(cached, &here, "myapp", &["g0"]).await;
                a_moment().await;
                pull(cached.cache.target(), &repository, &pushed[1].digest).await;
            }
        }
        let index: Value = serde_json::from_slice(&pushed[0].bytes).unwrap();
        for child in index["manifests"].as_array().unwrap() {
            wait_until_gone(cached, &here, "myapp", &[child["digest"].as_str().unwrap()]).await;
        }
        pull(cached.cache.target(), &repository, &pushed[2].digest).await;
    });
}

#[test]
fn what_another_generation_another_tag_or_a_workload_anywhere_has_stays() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "in-use").await;
        let elsewhere = Namespace::new(&cached.world, "in-use-elsewhere").await;
        let run_there = import(&here, "myapp", 0, 80).await;
        let copy = cached.copy(&here, "myapp", &run_there);
        let mut pinned = elsewhere.deployment("pinned", &copy);
        pinned["metadata"]["annotations"] = json!({});
        elsewhere.apply(&pinned).await.unwrap();
        eventually("a Pod with generation 0", || async {
            let pods = elsewhere.list("pods").await;
            pods.iter().any(|pod| pod["spec"]["containers"][0]["image"] == copy).then_some(())
        })
        .await;
        let of_another = import(&here, "myapp", 1, 81).await;
        elsewhere.push("other", "latest", 81).await;
        elsewhere.apply(&elsewhere.tag("other", json!({ "generation": 0 }))).await.unwrap();
        elsewhere.wait_for_generation("other", 0).await;
        let again = import(&here, "myapp", 2, 82).await;
        import(&here, "myapp", 3, 83).await;
        import(&here, "myapp", 4, 82).await;
        import(&here, "myapp", 5, 84).await;
        import(&here, "myapp", 6, 82).await;
        wait_until_gone(cached, &here, "myapp", &["g3"]).await;
        for kept in [&run_there, &of_another, &again] {
            let digest = cached.digest(&here, "myapp", digest_of(kept)).await;
            assert_eq!(digest.as_deref(), Some(digest_of(kept)));
        }
        for (tag, digest) in [("g0", &run_there), ("g1", &of_another), ("g6", &again)] {
            let found = cached.digest(&here, "myapp", tag).await;
            assert_eq!(found.as_deref(), Some(digest_of(digest)), "{tag}");
        }
        elsewhere.kubectl(&["delete", "deployment", "pinned", "--cascade=foreground"]).await.unwrap();
        eventually("no Pod with generation 0", || async {
            let pods = elsewhere.list("pods").await;
            (!pods.iter().any(|pod| pod["spec"]["containers"][0]["image"] == copy)).then_some(())
        })
        .await;
        import(&here, "myapp", 7, 85).await;
        wait_until_gone(cached, &here, "myapp", &["g0"]).await;
        assert!(cached.digest(&here, "myapp", "g1").await.is_some());
    });
}

#[test]
fn a_cache_that_forbids_deletion_is_told_of_once_and_nodes_may_call_it_otherwise() {
    run(async {
        let options = RegistryOptions::default().without_delete();
        let cached = Cached::start(&options, &["--cache-reference-address", "nodes.internal:5000"]).await;
        let here = Namespace::new(&cached.world, "forbidden").await;
        for name in ["one", "two"] {
            for number in 0..4 {
                import(&here, name, number, 90 + u64::from(number)).await;
            }
        }
        let tag = here.get("tag", "one").await.unwrap();
        let image = tag["status"]["imageReference"].as_str().unwrap();
        assert!(image.starts_with(&format!("nodes.internal:5000/{}/one@sha256:", here.name)), "{image}");
        let told = async || {
            let one = here.events_on("Tag", "one").await;
            let all = [one, here.events_on("Tag", "two").await].concat();
            all.iter().filter(|reason| *reason == "CacheForbidsDeletion").count()
        };
        eventually("the Event", || async { (told().await > 0).then_some(()) }).await;
        a_moment().await;
        assert_eq!(told().await, 1);
        let log = std::fs::read_to_string(cached.world.operator.log()).unwrap();
        assert_eq!(log.matches("forbids deletion").count(), 1, "{log}");
        assert!(cached.digest(&here, "one", "g0").await.is_some());
        here.wait_for_generation("one", 3).await;
    });
}
