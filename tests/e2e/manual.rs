//! What people ask for with `kubectl tag`: the annotation that it writes, and what comes of it.

use serde_json::{Value, json};
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};
use tagger_testkit::registry::RegistryOptions;

use crate::support::cached::{Cached, digest_of, pull};
use crate::support::told::trigger;
use crate::support::{Namespace, World, a_moment, eventually, run};

impl Namespace<'_> {
    /// Asks a Tag for something, as `kubectl tag` does.
    async fn ask(&self, tag: &str, request: &Value) {
        self.annotate(tag, &request.to_string()).await;
    }

    async fn annotate(&self, tag: &str, text: &str) {
        let annotation = format!("images.io/import={text}");
        self.kubectl(&["annotate", "tag", tag, "--overwrite", &annotation]).await.unwrap();
    }

    async fn mirroring(&self, tag: &str) -> Value {
        self.get("tag", tag).await.unwrap()["status"]["mirroring"].clone()
    }

    /// Waits until a Tag was told how far its copy is, and gives that.
    async fn wait_for_progress(&self, tag: &str, more_than: i64) -> Value {
        eventually(&format!("more than {more_than} bytes of {tag} are copied"), || async {
            let mirroring = self.mirroring(tag).await;
            mirroring["copied"].as_i64().is_some_and(|copied| copied > more_than).then_some(mirroring)
        })
        .await
    }
}

#[test]
fn a_request_makes_one_generation_of_a_tag_that_follows_though_nothing_moved_and_is_then_past() {
    run(async {
        let here = Namespace::new(World::shared().await, "asked").await;
        let tag = here.following("myapp", json!({})).await;
        here.ask("myapp", &json!({ "generation": 1 })).await;
        here.wait_for_generation("myapp", 1).await;
        let newest = here.newest("myapp", 1).await;
        assert_eq!(trigger(&newest), "Manual");
        let status = here.get("tag", "myapp").await.unwrap()["status"].clone();
        assert_eq!(newest["digest"], status["references"][1]["digest"], "it has not moved");
        for past in [1, 0, 7] {
            here.ask("myapp", &json!({ "generation": past })).await;
            here.apply(&tag).await.unwrap();
            a_moment().await;
            assert_eq!(here.generations("myapp").await, (vec![1, 0], 1), "asked for {past}");
        }
        here.ask("myapp", &json!({ "generation": 2 })).await;
        here.wait_for_generation("myapp", 2).await;
        assert_eq!(here.generations("myapp").await, (vec![2, 1, 0], 2));
    });
}

#[test]
fn what_is_asked_for_is_current_where_the_specification_names_it_and_else_recorded() {
    run(async {
        let here = Namespace::new(World::shared().await, "named").await;
        here.ready_tag("myapp").await;
        let both = json!({
            "metadata": { "annotations": { "images.io/import": json!({ "generation": 1 }).to_string() } },
            "spec": { "generation": 1 },
        });
        here.kubectl(&["patch", "tag", "myapp", "--type=merge", "-p", &both.to_string()]).await.unwrap();
        here.wait_for_generation("myapp", 1).await;
        assert_eq!(trigger(&here.newest("myapp", 1).await), "Manual");
        for (back, asked) in [(0, 2), (2, 3)] {
            here.go_to_generation("myapp", back).await;
            here.ask("myapp", &json!({ "generation": asked })).await;
            assert_eq!(trigger(&here.newest("myapp", asked).await), "Manual");
            a_moment().await;
            let tag = here.get("tag", "myapp").await.unwrap();
            assert_eq!(
                (&tag["spec"]["generation"], &tag["status"]["generation"]),
                (&json!(back), &json!(back))
            );
        }
    });
}

#[test]
fn a_request_waits_while_its_tag_is_suspended_and_is_tried_again_when_it_fails() {
    run(async {
        let here = Namespace::new(World::shared().await, "waits").await;
        here.following("myapp", json!({})).await;
        let first = here.newest("myapp", 0).await["digest"].as_str().unwrap().to_owned();
        here.patch_tag("myapp", json!({ "suspend": true })).await;
        here.ask("myapp", &json!({ "generation": 1 })).await;
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
        here.world.registry.target().delete(&format!("{}/myapp", here.name), &first).await.unwrap();
        here.patch_tag("myapp", json!({ "suspend": false })).await;
        let (reason, _) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "NotFound");
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
        here.push("myapp", "latest", 1).await;
        here.wait_for_generation("myapp", 1).await;
        assert_eq!(trigger(&here.newest("myapp", 1).await), "Manual");
    });
}

#[test]
fn a_request_that_can_not_be_read_is_told_once_and_stops_nothing() {
    run(async {
        let here = Namespace::new(World::shared().await, "malformed").await;
        here.following("myapp", json!({})).await;
        for text in ["yes", r#"{"generation":1,"digset":"sha256:00"}"#] {
            here.annotate("myapp", text).await;
            here.patch_tag("myapp", json!({ "history": text.len() % 40 + 1 })).await;
            a_moment().await;
        }
        let told = here.events_on("Tag", "myapp").await;
        assert_eq!(told.iter().filter(|reason| *reason == "InvalidRequest").count(), 2, "{told:?}");
        here.wait_for_generation("myapp", 0).await;
        let second = here.push("moved", "latest", 3).await;
        here.patch_tag("myapp", json!({ "from": format!("{}:latest", here.repository("moved")) })).await;
        here.wait_for_generation("myapp", 1).await;
        assert_eq!(here.newest("myapp", 1).await["imageReference"], second);
    });
}

#[test]
fn an_image_that_was_put_into_the_cache_is_a_generation_until_the_tag_moves() {
    run(async {
        let cached = Cached::start(&RegistryOptions::default(), &[]).await;
        let here = Namespace::new(&cached.world, "upload").await;
        let repository = format!("{}/myapp", here.name);
        let first = here.push("myapp", "latest", 0).await;
        here.apply(&here.proxied_tag("myapp", json!({ "track": { "interval": "30s" } }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();

        let image = Image::index(900, &["linux/amd64", "linux/arm64"]).build().unwrap();
        let digest = image.digest();
        image.push(&cached.cache, &repository, &digest).await.unwrap();
        let seen = cached.world.proxy.requests().len();
        here.ask("myapp", &json!({ "generation": 1, "digest": digest })).await;
        here.wait_for_generation("myapp", 1).await;
        let copy = cached.copy(&here, "myapp", &format!("@{digest}"));
        let known = here.newest("myapp", 1).await;
        assert_eq!(trigger(&known), "Upload");
        assert_eq!((&known["imageReference"], &known["digest"]), (&json!(copy), &json!(digest)));
        assert_eq!(known["from"], here.get("tag", "myapp").await.unwrap()["spec"]["from"]);
        assert!(known["mediaType"].as_str().unwrap().contains("index"), "{known}");
        assert!(known["source"].is_null() && known["tag"].is_null(), "{known}");
        for tag in ["g1", "current"] {
            assert_eq!(cached.digest(&here, "myapp", tag).await, Some(digest.clone()), "{tag}");
        }
        here.wait_for_image("deployment", "web", &copy).await;

        let asked =
            || cached.world.proxy.requests()[seen..].iter().any(|asked| asked.repository == repository);
        assert!(!asked(), "the registry has nothing to do with it");
        eventually("a poll", || async { asked().then_some(()) }).await;
        cached.world.operator.stop().unwrap();
        cached.world.operator.start_again().await.unwrap();
        a_moment().await;
        assert_eq!(
            here.generations("myapp").await,
            (vec![1, 0], 1),
            "nothing moved, and nothing is done twice"
        );

        let third = here.push("myapp", "latest", 2).await;
        let newest = here.newest("myapp", 2).await;
        assert_eq!((trigger(&newest), &newest["digest"]), (json!("Poll"), &json!(digest_of(&third))));
        here.wait_for_image("deployment", "web", newest["imageReference"].as_str().unwrap()).await;

        here.patch_tag("myapp", json!({ "generation": 1, "cache": true })).await;
        let copies = [&third, &copy, &first].map(|source| cached.copy(&here, "myapp", source));
        here.wait_for_references("myapp", &copies).await;
        here.wait_for_image("deployment", "web", &copy).await;
        here.patch_tag("myapp", json!({ "cache": false })).await;
        eventually("the others are used from where they came from", || async {
            let tag = here.get("tag", "myapp").await?;
            let known = tag["status"]["references"].as_array()?;
            (known[0]["source"].is_null() && known[1]["imageReference"] == copy).then_some(())
        })
        .await;
        assert_eq!(here.image_of("deployment", "web").await, Some(copy));
        pull(cached.cache.target(), &repository, &digest).await;
    });
}

#[test]
fn an_upload_is_looked_for_in_the_tag_s_own_repository_only_and_said_to_be_missing() {
    run(async {
        let cached = Cached::shared().await;
        let (here, there) =
            (Namespace::new(&cached.world, "mine").await, Namespace::new(&cached.world, "theirs").await);
        here.following("myapp", json!({ "cache": true })).await;
        let image = Image::single(910).build().unwrap();
        let digest = image.digest();
        let mine = format!("{}/myapp", here.name);
        for other in [format!("{}/myapp", there.name), format!("{}/other", here.name)] {
            image.push(&cached.cache, &other, &digest).await.unwrap();
        }
        image.push(&cached.world.registry, &mine, "elsewhere").await.unwrap();
        here.ask("myapp", &json!({ "generation": 1, "digest": digest })).await;
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "UploadNotFound");
        assert!(message.contains(&digest) && message.contains("kubectl tag push myapp"), "{message}");
        assert!(here.events_on("Tag", "myapp").await.contains(&"UploadNotFound".to_owned()));
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
        image.push(&cached.cache, &mine, &digest).await.unwrap();
        here.wait_for_generation("myapp", 1).await;
        assert_eq!(trigger(&here.newest("myapp", 1).await), "Upload");
    });
}

#[test]
fn an_upload_without_a_cache_says_so_until_nothing_is_asked_for_any_more() {
    run(async {
        let here = Namespace::new(World::shared().await, "nowhere").await;
        here.following("myapp", json!({})).await;
        let digest = here.newest("myapp", 0).await["digest"].clone();
        here.ask("myapp", &json!({ "generation": 1, "digest": digest })).await;
        assert_eq!(here.wait_for_condition("myapp", "Stalled").await.0, "NoCache");
        here.kubectl(&["annotate", "tag", "myapp", "images.io/import-"]).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
    });
}

#[test]
fn how_far_a_copy_is_stands_in_the_status_until_it_ends_or_is_given_up() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "progress").await;
        for (name, seed) in [("whole", 920), ("given-up", 921)] {
            let repository = format!("{}/{name}", here.name);
            let image = Image::single(seed).layers(2, 2 * 1024 * 1024);
            image.push(&cached.world.registry, &repository, "latest").await.unwrap();
            let pause = std::time::Duration::from_millis(200);
            let slow = Fault::forward().dripping(48 * 1024, pause);
            cached.world.proxy.fault(Match::blob().repository(&repository), slow);
            here.apply(&here.proxied_tag(name, json!({ "cache": true }))).await.unwrap();
        }
        let first = here.wait_for_progress("given-up", 0).await;
        assert_eq!(first["generation"], 0);
        here.patch_tag("given-up", json!({ "suspend": true })).await;
        assert_eq!(here.wait_for_condition("given-up", "Stalled").await.0, "Suspended");
        assert!(here.mirroring("given-up").await.is_null());

        let first = here.wait_for_progress("whole", 0).await;
        let (reason, message) = here.wait_for_condition("whole", "Reconciling").await;
        assert_eq!(reason, "Mirroring");
        assert!(message.contains("iB of ") && message.contains("generation 0"), "{message}");
        let second = here.wait_for_progress("whole", first["copied"].as_i64().unwrap()).await;
        for mirroring in [&first, &second] {
            let (copied, total) =
                (mirroring["copied"].as_i64().unwrap(), mirroring["total"].as_i64().unwrap());
            assert!(copied <= total && total > 2 * 1024 * 1024, "{mirroring}");
        }
        here.wait_for_generation("whole", 0).await;
        assert!(here.mirroring("whole").await.is_null());
    });
}
