//! The operator dies while it copies.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::skopeo::Skopeo;

use crate::support::cached::{Cached, digest_of, pull};
use crate::support::{Namespace, a_moment, eventually, run};

#[test]
fn an_operator_that_is_killed_while_it_copies_goes_on_and_sends_no_blob_again() {
    run(async {
        let cached = Cached::start(&RegistryOptions::default(), &[]).await;
        let here = Namespace::new(&cached.world, "killed").await;
        let repository = format!("{}/myapp", here.name);
        let image = Image::single(5).layers(6, 64 * 1024);
        let pushed = image.push(&cached.world.registry, &repository, "latest").await.unwrap();
        // At each of these steps the copy hangs, and the operator is killed there.
        let steps = [
            ("the first upload", Match::upload()),
            ("after three blobs", Match::upload().method("PUT").after(3)),
            ("the manifest", Match::manifest().method("PUT")),
            ("the tag", Match::manifest().method("PUT").path("/g0")),
        ];
        here.apply(&here.tag("myapp", json!({ "cache": true }))).await.unwrap();
        for (step, matching) in steps {
            cached.world.operator.kill().unwrap();
            cached.proxy.heal();
            let before = cached.proxy.requests().len();
            cached.proxy.fault(matching, Fault::never());
            cached.world.operator.start_again().await.unwrap();
            eventually(step, || async {
                let requests = cached.proxy.requests();
                requests[before..].iter().any(|request| request.status.is_none()).then_some(())
            })
            .await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let tag = here.get("tag", "myapp").await.unwrap();
            assert!(tag["status"]["references"].is_null(), "{step}: nothing is half-published: {tag}");
        }
        cached.world.operator.kill().unwrap();
        cached.proxy.heal();
        cached.world.operator.start_again().await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        pull(cached.cache.target(), &repository, &pushed.digest).await;
        let mut sent: HashMap<String, usize> = HashMap::new();
        for request in cached.proxy.requests() {
            if request.method == "PUT"
                && request.path.contains("/blobs/uploads/")
                && request.status == Some(201)
            {
                let digest = request.query.split('&').find(|part| part.starts_with("digest=")).unwrap();
                *sent.entry(digest.to_owned()).or_default() += 1;
            }
        }
        assert_eq!(sent.len(), 7, "six layers and a configuration: {sent:?}");
        assert!(sent.values().all(|times| *times == 1), "{sent:?}");

        let tag = here.get("tag", "myapp").await.unwrap();
        cached.world.operator.stop().unwrap();
        cached.world.operator.start_again().await.unwrap();
        a_moment().await;
        let after = here.get("tag", "myapp").await.unwrap();
        assert_eq!(tag["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"]);

        cached.world.registry.stop().unwrap();
        let reference = tag["status"]["imageReference"].as_str().unwrap();
        let pulled = Skopeo::obtain().await.unwrap().pull(reference).await.unwrap();
        assert_eq!(pulled, pushed.digest, "nobody needs the source any more");
    });
}

#[test]
fn a_cache_that_moves_is_filled_anew_and_where_images_came_from_stays_known() {
    run(async {
        let cached = Cached::start(&RegistryOptions::default(), &[]).await;
        let here = Namespace::new(&cached.world, "moved").await;
        let source = here.push("myapp", "latest", 0).await;
        here.apply(&here.tag("myapp", json!({ "cache": true }))).await.unwrap();
        here.wait_for_references("myapp", &[cached.copy(&here, "myapp", &source)]).await;
        cached.world.operator.stop().unwrap();
        let assets = Assets::obtain().await.unwrap();
        let other = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
        let (control_plane, registry) = (&cached.world.control_plane, &cached.world.registry);
        let _operator = Cached::operator(control_plane, registry, &other.address(), &[]).await;
        let moved = format!("{}/{}/myapp@{}", other.address(), here.name, digest_of(&source));
        here.wait_for_references("myapp", &[moved]).await;
        let tag = here.get("tag", "myapp").await.unwrap();
        assert_eq!(tag["status"]["references"][0]["source"], source);
        pull(other.target(), &format!("{}/myapp", here.name), digest_of(&source)).await;
    });
}
