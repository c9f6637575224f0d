//! Things that happen while a look, or the copy of what was seen, is under way.

use std::time::Duration;

use serde_json::json;
use tagger_testkit::assets::Assets;
use tagger_testkit::proxy::{Fault, Match, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::support::cached::digest_of;
use crate::support::told::Told;
use crate::support::{Namespace, eventually, run};

/// Waits until a request to a repository is under way that the proxy holds up.
async fn held_up(proxy: &Proxy, repository: &str) {
    eventually("a request that is held up", || async {
        let requests = proxy.requests();
        let mut held = requests.iter().filter(|asked| asked.repository == repository);
        held.any(|asked| asked.status.is_none()).then_some(())
    })
    .await;
}

#[test]
fn a_push_that_is_told_of_while_an_older_answer_is_on_its_way_is_not_missed() {
    run(async {
        let told = Told::shared().await;
        let here = Namespace::new(&told.world, "overtaken").await;
        let (proxy, repository) = (&told.world.proxy, format!("{}/myapp", here.name));
        let first = here.push("myapp", "latest", 0).await;
        here.apply(&here.proxied_tag("myapp", json!({}))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        for number in 1..=2 {
            let before = here.get("tag", "myapp").await.unwrap();
            let known = before["status"]["references"][0]["digest"].as_str().unwrap().to_owned();
            let old = Fault::status(200)
                .header("Docker-Content-Digest", &known)
                .header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
                .delay(Duration::from_secs(1));
            proxy.fault(Match::manifest().method("HEAD").repository(&repository).times(1), old);
            told.notifier.tell(proxy.address(), &repository, "latest", digest_of(&first)).await.unwrap();
            held_up(proxy, &repository).await;
            let pushed = here.push("myapp", "latest", number).await;
            told.notifier.tell(proxy.address(), &repository, "latest", digest_of(&pushed)).await.unwrap();
            let newest = here.newest("myapp", i64::try_from(number).unwrap()).await;
            assert_eq!(newest["digest"], digest_of(&pushed));
            here.wait_for_generation("myapp", i64::try_from(number).unwrap()).await;
        }
    });
}

#[test]
fn a_push_that_is_told_of_while_an_older_image_is_copied_is_not_missed() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let cache = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
        let copies = Proxy::start(&cache).await.unwrap();
        let told = Told::start(&["--cache-registry", copies.address(), "--cache-insecure"]).await;
        let here = Namespace::new(&told.world, "copied").await;
        let repository = format!("{}/myapp", here.name);
        here.following("myapp", json!({ "cache": true })).await;
        copies.fault(Match::upload().times(1), Fault::forward().delay(Duration::from_secs(3)));
        here.push("myapp", "latest", 1).await;
        held_up(&copies, &repository).await;
        let third = here.push("myapp", "latest", 2).await;
        here.patch_tag("myapp", json!({ "history": 4 })).await;
        eventually("the last push", || async {
            let tag = here.get("tag", "myapp").await?;
            (tag["status"]["references"][0]["digest"] == digest_of(&third)).then_some(())
        })
        .await;
        told.world.operator.stop().unwrap();
    });
}
