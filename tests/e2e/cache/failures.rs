//! A cache that takes nothing: who is told what, and that nothing published is lost.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use tagger_testkit::assets::Assets;
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::support::cached::{Cached, digest_of, pull};
use crate::support::{Namespace, World, run};

/// What is wrong with a cache, and how that is mended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Down,
    ReadOnly,
    Full,
}

#[rstest]
#[case::nothing_listens(Wrong::Down, "CacheUnreachable", "can't be reached")]
#[case::it_is_read_only(Wrong::ReadOnly, "CacheReadOnly", "read-only")]
#[case::its_disk_is_full(Wrong::Full, "CacheStorageFull", "no room left")]
fn what_is_wrong_with_the_cache_is_told_and_all_goes_on_by_itself_when_it_is_mended(
    #[case] wrong: Wrong,
    #[case] reason: &str,
    #[case] remedy: &str,
) {
    run(async {
        let options = match wrong {
            Wrong::Down => RegistryOptions::default(),
            Wrong::ReadOnly => RegistryOptions::default().read_only(),
            Wrong::Full => RegistryOptions::default().full_disk(),
        };
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, registry) = World::without_operator(&assets).await;
        let cache = Registry::start(&assets, &options).await.unwrap();
        if wrong == Wrong::Down {
            cache.stop().unwrap();
        }
        let operator = Cached::operator(&control_plane, &registry, &cache.address(), &[]).await;
        let proxy = tagger_testkit::proxy::Proxy::start(&registry).await.unwrap();
        let world = World { control_plane, registry, proxy, operator };
        let here = Namespace::new(&world, "wrong").await;
        let source = here.ready_tag("published").await;
        here.apply(&here.deployment("d", "published")).await.unwrap();
        here.patch_tag("published", json!({ "cache": true })).await;
        here.push("new", "latest", 1).await;
        here.apply(&here.tag("new", json!({ "cache": true }))).await.unwrap();
        for name in ["published", "new"] {
            expect_failure(&here, name, reason, remedy, &cache.address()).await;
        }
        let tag = here.get("tag", "published").await.unwrap();
        assert_eq!(
            (&tag["status"]["imageReference"], &tag["status"]["generation"]),
            (&json!(source), &json!(0))
        );
        assert_eq!(here.image_of("deployment", "d").await, Some(source.clone()));
        assert!(here.get("tag", "new").await.unwrap()["status"]["references"].is_null());

        match wrong {
            Wrong::Down => cache.start_again().await.unwrap(),
            Wrong::ReadOnly => cache.set_read_only(false).await.unwrap(),
            Wrong::Full => cache.free_disk().await.unwrap(),
        }
        let copy = format!("{}/{}/published@{}", cache.address(), here.name, digest_of(&source));
        here.wait_for_references("published", std::slice::from_ref(&copy)).await;
        here.wait_for_image("deployment", "d", &copy).await;
        here.wait_for_generation("new", 0).await;
        pull(cache.target(), &format!("{}/published", here.name), digest_of(&source)).await;
    });
}

#[test]
fn a_wrong_password_of_the_cache_is_told_as_that_and_is_in_no_text() {
    run(async {
        let options = RegistryOptions::default().user("me", "right");
        let name = format!("cache-password-{}.json", std::process::id());
        let config = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, registry) = World::without_operator(&assets).await;
        let cache = Registry::start(&assets, &options).await.unwrap();
        let write = |password: &str| {
            let auths = json!({ "auths": { cache.address(): { "username": "me", "password": password } } });
            std::fs::write(&config, auths.to_string()).unwrap();
        };
        write("wrong-hunter2");
        let flags = ["--cache-docker-config", config.to_str().unwrap()];
        let operator = Cached::operator(&control_plane, &registry, &cache.address(), &flags).await;
        let proxy = tagger_testkit::proxy::Proxy::start(&registry).await.unwrap();
        let world = World { control_plane, registry, proxy, operator };
        let here = Namespace::new(&world, "password").await;
        here.push("myapp", "latest", 0).await;
        here.apply(&here.tag("myapp", json!({ "cache": true }))).await.unwrap();
        expect_failure(&here, "myapp", "CacheUnauthorized", "CACHE_REGISTRY_PASSWORD", &cache.address())
            .await;
        let all = here.kubectl(&["get", "tags,events", "-o", "yaml"]).await.unwrap();
        let log = std::fs::read_to_string(world.operator.log()).unwrap();
        assert!(!all.contains("hunter2") && !log.contains("hunter2"));
        write("right");
        here.wait_for_generation("myapp", 0).await;
        std::fs::remove_file(config).unwrap();
    });
}

/// A host that does not exist, at either end. What was published stays, and each end has its own word.
#[test]
fn a_host_that_nobody_knows_is_told_as_that() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, registry) = World::without_operator(&assets).await;
        let unknown = "cache.invalid:5000";
        let operator = Cached::operator(&control_plane, &registry, unknown, &[]).await;
        let proxy = tagger_testkit::proxy::Proxy::start(&registry).await.unwrap();
        let world = World { control_plane, registry, proxy, operator };
        let here = Namespace::new(&world, "unknown").await;
        let source = here.ready_tag("published").await;
        here.patch_tag("published", json!({ "cache": true })).await;
        expect_failure(&here, "published", "CacheUnreachable", "does not resolve", unknown).await;
        let status = here.get("tag", "published").await.unwrap()["status"].clone();
        assert_eq!((&status["imageReference"], &status["generation"]), (&json!(source), &json!(0)));

        let far = "registry.invalid";
        here.apply(&here.tag("new", json!({ "from": format!("{far}/a/b:latest"), "cache": true })))
            .await
            .unwrap();
        expect_failure(&here, "new", "Unreachable", "does not resolve", far).await;
    });
}

async fn expect_failure(here: &Namespace<'_>, tag: &str, reason: &str, remedy: &str, cache: &str) {
    let what = format!("{tag}: {reason}");
    let told = crate::support::eventually(&what, || async {
        let (found, message) = here.wait_for_condition(tag, "Reconciling").await;
        (found == reason).then_some(message)
    })
    .await;
    assert!(told.contains(remedy) && told.contains(cache), "{told}");
    let status = here.get("tag", tag).await.unwrap()["status"].clone();
    assert_eq!(status["lastImportAttempt"]["succeed"], false);
    let why = status["lastImportAttempt"]["reason"].as_str().unwrap();
    assert!(why.contains(remedy), "{why}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let events = here.events_on("Tag", tag).await;
    assert!(events.iter().any(|event| event == reason), "{events:?}");
}
