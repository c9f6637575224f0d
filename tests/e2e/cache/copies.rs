//! Generations go into the cache, and come out of it.

use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::attachment;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::support::cached::{Cached, digest_of, pull};
use crate::support::{Namespace, World, a_moment, eventually, run};

#[test]
fn an_image_is_in_the_cache_whole_before_its_generation_is_published_and_is_pulled_from_there() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "first").await;
        let image = Image::index(7, &["linux/amd64", "linux/arm64"]);
        let pushed =
            image.push(&cached.world.registry, &format!("{}/myapp", here.name), "latest").await.unwrap();
        let source = format!("{}@{}", here.repository("myapp"), pushed.digest);
        here.apply(&here.tag("myapp", json!({ "cache": true }))).await.unwrap();
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let copy = cached.copy(&here, "myapp", &source);
        here.wait_for_image("deployment", "d", &copy).await;
        let tag = here.get("tag", "myapp").await.unwrap();
        let known = &tag["status"]["references"][0];
        assert_eq!((&known["imageReference"], &known["source"]), (&json!(copy), &json!(source)));
        assert_eq!((&known["digest"], &known["tag"]), (&json!(pushed.digest), &json!("latest")));
        assert_eq!(tag["status"]["imageReference"], copy);
        assert_eq!(tag["status"]["lastImportAttempt"]["succeed"], true);
        for name in ["g0", "current"] {
            assert_eq!(cached.digest(&here, "myapp", name).await, Some(pushed.digest.clone()), "{name}");
        }
        let parts = pull(cached.cache.target(), &format!("{}/myapp", here.name), &pushed.digest).await;
        assert_eq!(parts, 3 + 2 * 3, "an index, two images, and of each two layers and a configuration");
        assert!(here.events_on("Tag", "myapp").await.contains(&"Imported".to_owned()));
    });
}

#[test]
fn a_cache_that_is_turned_on_later_gets_what_is_there_and_one_that_is_turned_off_is_asked_nothing() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "later").await;
        let mut sources = Vec::new();
        for number in 0..3 {
            sources.insert(0, here.push("myapp", "latest", 30 + number).await);
            let spec = json!({ "generation": number });
            here.apply(&here.tag("myapp", spec)).await.unwrap();
            here.wait_for_generation("myapp", number.try_into().unwrap()).await;
        }
        here.go_to_generation("myapp", 1).await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        here.wait_for_image("deployment", "d", &sources[1]).await;

        here.patch_tag("myapp", json!({ "cache": true })).await;
        let copies: Vec<String> = sources.iter().map(|source| cached.copy(&here, "myapp", source)).collect();
        here.wait_for_references("myapp", &copies).await;
        here.wait_for_image("deployment", "d", &copies[1]).await;
        let asked = || {
            let requests = cached.proxy.requests();
            requests.into_iter().filter(|request| request.repository == format!("{}/myapp", here.name))
        };
        let tagged: Vec<String> = asked()
            .filter(|request| request.method == "PUT" && request.path.contains("/manifests/g"))
            .map(|request| request.path.rsplit('/').next().unwrap().to_owned())
            .collect();
        assert_eq!(tagged, ["g1", "g2", "g0"], "the current one first, then the newest");
        let references = here.get("tag", "myapp").await.unwrap()["status"]["references"].clone();
        let origins: Vec<&Value> =
            references.as_array().unwrap().iter().map(|known| &known["source"]).collect();
        assert_eq!(origins, [&json!(sources[0]), &json!(sources[1]), &json!(sources[2])]);
        eventually("the tag of the current generation", || async {
            let current = cached.digest(&here, "myapp", "current").await;
            (current.as_deref() == Some(digest_of(&sources[1]))).then_some(())
        })
        .await;

        a_moment().await;
        let before = asked().count();
        here.patch_tag("myapp", json!({ "cache": false })).await;
        here.wait_for_references("myapp", &sources).await;
        here.wait_for_image("deployment", "d", &sources[1]).await;
        assert_eq!(asked().count(), before);
        assert_eq!(
            cached.digest(&here, "myapp", "g0").await.as_deref(),
            Some(digest_of(&sources[2])),
            "copies stay"
        );
    });
}

#[test]
fn a_step_back_waits_for_no_copy_and_the_cache_knows_which_one_is_current() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "step").await;
        let repository = format!("{}/myapp", here.name);
        let first = here.push("myapp", "latest", 40).await;
        here.apply(&here.proxied_tag("myapp", json!({ "cache": true, "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let second = here.push("myapp", "latest", 41).await;
        here.go_to_generation("myapp", 1).await;
        let current = async |reference: &str| {
            eventually(&format!("current is {reference}"), || async {
                let current = cached.digest(&here, "myapp", "current").await;
                (current.as_deref() == Some(digest_of(reference))).then_some(())
            })
            .await;
        };
        current(&second).await;
        here.push("myapp", "latest", 42).await;
        cached.world.proxy.fault(Match::blob().repository(&repository), Fault::never());
        here.patch_tag("myapp", json!({ "generation": 2 })).await;
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "Mirroring", "{message}");
        assert!(message.contains(cached.proxy.address()) && message.contains("generation 2"), "{message}");
        here.go_to_generation("myapp", 0).await;
        current(&first).await;
        assert_eq!(
            here.get("tag", "myapp").await.unwrap()["status"]["references"].as_array().unwrap().len(),
            2
        );
    });
}

#[test]
fn a_tag_that_is_deleted_while_it_is_copied_leaves_nothing_hanging() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "deleted").await;
        let repository = format!("{}/myapp", here.name);
        here.push("myapp", "latest", 50).await;
        let hang = || {
            Match::blob().when({
                let repository = repository.clone();
                move |request| request.repository == repository
            })
        };
        cached.world.proxy.fault(hang().times(3), Fault::never());
        let tag = here.proxied_tag("myapp", json!({ "cache": true }));
        here.apply(&tag).await.unwrap();
        assert_eq!(here.wait_for_condition("myapp", "Reconciling").await.0, "Mirroring");
        here.kubectl(&["delete", "tag", "myapp", "--timeout=20s"]).await.unwrap();
        a_moment().await;
        let asked = || {
            let requests = cached.world.proxy.requests().into_iter();
            requests.filter(|request| request.repository == repository).count()
        };
        let before = asked();
        a_moment().await;
        assert_eq!(asked(), before, "nobody works for it any more");
        assert_eq!(cached.digest(&here, "myapp", "g0").await, None);
        here.kubectl(&["delete", "namespace", &here.name, "--timeout=60s"]).await.unwrap();
    });
}

#[test]
fn an_old_generation_that_is_gone_at_its_source_is_told_once_and_makes_the_tag_no_less_ready() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "lost").await;
        let lost = here.push("myapp", "latest", 60).await;
        here.apply(&here.tag("myapp", json!({ "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let kept = here.push("myapp", "latest", 61).await;
        here.go_to_generation("myapp", 1).await;
        let repository = format!("{}/myapp", here.name);
        cached.world.registry.target().delete(&repository, digest_of(&lost)).await.unwrap();
        here.patch_tag("myapp", json!({ "cache": true })).await;
        here.wait_for_references("myapp", &[cached.copy(&here, "myapp", &kept), lost.clone()]).await;
        here.patch_tag("myapp", json!({ "history": 7 })).await;
        a_moment().await;
        here.wait_for_references("myapp", &[cached.copy(&here, "myapp", &kept), lost]).await;
        let told = here.events_on("Tag", "myapp").await;
        let missing = |reason: &&String| ["NotFound", "PartMissing"].contains(&reason.as_str());
        assert_eq!(told.iter().filter(missing).count(), 1, "{told:?}");
    });
}

#[test]
fn without_a_cache_a_tag_that_wants_one_says_so_and_goes_on_by_itself_when_the_cluster_has_one() {
    run(async {
        let world = World::start(&[]).await;
        let assets = Assets::obtain().await.unwrap();
        let cache = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
        let here = Namespace::new(&world, "nocache").await;
        let first = here.ready_tag("myapp").await;
        let second = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        here.patch_tag("myapp", json!({ "cache": true })).await;
        let (reason, message) = here.wait_for_condition("myapp", "Stalled").await;
        assert_eq!(reason, "NoCache");
        assert!(message.contains("CACHE_REGISTRY_ADDRESS"), "{message}");
        assert!(here.events_on("Tag", "myapp").await.contains(&"NoCache".to_owned()));
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        here.wait_for_image("deployment", "d", &second).await;
        here.patch_tag("myapp", json!({ "generation": 0 })).await;
        here.wait_for_image("deployment", "d", &first).await;

        let hosting = format!("host: {}\nhostFromContainerRuntime: nodes.internal:5000\n", cache.address());
        let hosting = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "local-registry-hosting", "namespace": "kube-public" },
            "data": { "localRegistryHosting.v1": hosting },
        });
        let kubectl = world.control_plane.kubectl();
        kubectl.run_with_input(&["apply", "-f", "-"], &hosting.to_string()).await.unwrap();
        let copy = |source: &str| format!("nodes.internal:5000/{}/myapp@{}", here.name, digest_of(source));
        here.wait_for_references("myapp", &[copy(&second), copy(&first)]).await;
        here.wait_for_image("deployment", "d", &copy(&first)).await;
        pull(cache.target(), &format!("{}/myapp", here.name), digest_of(&first)).await;
    });
}

#[test]
fn a_private_image_is_copied_with_its_namespace_s_credentials_and_the_cache_is_not_shown_them() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let options = RegistryOptions::default().user("me", "hunter2");
        let private = Registry::start(&assets, &options).await.unwrap();
        let flags = ["--insecure-registry", &private.address()];
        let cached = Cached::start(&RegistryOptions::default(), &flags).await;
        let here = Namespace::new(&cached.world, "private").await;
        let pushed = Image::single(1).push(&private, "company/myapp", "latest").await.unwrap();
        let from = format!("{}/company/myapp", private.address());
        here.apply(&here.tag("myapp", json!({ "from": from, "cache": true }))).await.unwrap();
        assert_eq!(here.wait_for_condition("myapp", "Reconciling").await.0, "Unauthorized");
        let auths = json!({ "auths": { private.address(): { "username": "me", "password": "hunter2" } } });
        here.apply(&json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": { "name": "pull" },
            "stringData": { ".dockerconfigjson": auths.to_string() },
        }))
        .await
        .unwrap();
        here.wait_for_generation("myapp", 0).await;
        pull(cached.cache.target(), &format!("{}/myapp", here.name), &pushed.digest).await;
        let requests = cached.proxy.requests();
        assert!(!requests.is_empty() && requests.iter().all(|request| !request.has_authorization()));
    });
}

#[test]
fn signatures_and_other_attachments_are_copied_with_their_image_and_go_with_it() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "signed").await;
        let repository = format!("{}/myapp", here.name);
        let source = &cached.world.registry;
        let pushed = Image::single(81).push(source, &repository, "latest").await.unwrap();
        let (signature, signed) = attachment::signature(&pushed);
        signature.push(source, &repository, &signed).await.unwrap();
        let bill = attachment::referrer(&pushed, "application/spdx+json", "parts");
        bill.push(source, &repository, &bill.digest()).await.unwrap();
        let list = attachment::referrers_index(&[(&bill, "application/spdx+json")]);
        let listed = attachment::fallback_tag(&pushed.digest);
        list.push(source, &repository, &listed).await.unwrap();

        here.apply(&here.tag("myapp", json!({ "cache": true, "history": 1 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        assert_eq!(cached.digest(&here, "myapp", &signed).await, Some(signature.digest()));
        for attached in [&listed, &bill.digest()] {
            assert!(cached.digest(&here, "myapp", attached).await.is_some(), "{attached}");
        }

        here.push("myapp", "latest", 82).await;
        here.apply(&here.tag("myapp", json!({ "cache": true, "history": 1, "generation": 1 })))
            .await
            .unwrap();
        here.wait_for_generation("myapp", 1).await;
        for gone in [&signed, &listed, &bill.digest(), &pushed.digest] {
            eventually(&format!("{gone} is gone"), || async {
                cached.digest(&here, "myapp", gone).await.is_none().then_some(())
            })
            .await;
        }
    });
}
