//! The commands that ask registries: diff, outdated, list-tags, retag.

use serde_json::json;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};

use crate::plugin::{Ended, Plugin, steady};
use crate::support::cached::Cached;
use crate::support::{Namespace, World};

/// Runs a command that ends with this code.
async fn ends(plugin: &Plugin, code: i32, arguments: &[&str]) -> Ended {
    let ended = plugin.run(arguments).await;
    assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended
}

/// A document as it is shown.
async fn document(plugin: &Plugin, arguments: &[&str]) -> String {
    serde_json::to_string_pretty(&plugin.json(arguments).await).unwrap()
}

async fn push(here: &Namespace<'_>, name: &str, tag: &str, image: &Image) -> String {
    let repository = format!("{}/{name}", here.name);
    image.push(&here.world.registry, &repository, tag).await.unwrap().digest
}

/// A Tag at generation 1, whose images share a layer.
async fn two_generations(here: &Namespace<'_>, name: &str) {
    let first = Image::single(1).label("org.example.version", "1").label("org.example.gone", "yes");
    push(here, name, "latest", &first).await;
    here.apply(&here.tag(name, json!({ "generation": 0 }))).await.unwrap();
    here.wait_for_generation(name, 0).await;
    let second =
        Image::single(2).layers(2, 1024).layers_of(1).own_layers(1).label("org.example.version", "2");
    push(here, name, "latest", &second).await;
    here.go_to_generation(name, 1).await;
}

#[test]
fn diff_tells_what_changed_between_two_generations() {
    crate::support::run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "diff").await;
        two_generations(&here, "myapp").await;
        let plugin = Plugin::new(&here);
        let _steady = steady(&here);
        insta::assert_snapshot!("diff", plugin.text(&["diff", "myapp"]).await);
        insta::assert_snapshot!("diff_json", document(&plugin, &["diff", "myapp"]).await);
        let one = plugin.json(&["diff", "myapp", "0"]).await;
        assert_eq!((&one["before"]["generation"], &one["after"]["generation"]), (&json!(0), &json!(1)));
        let back = plugin.json(&["diff", "myapp", "1", "0"]).await;
        assert_eq!((&back["before"]["generation"], &back["after"]["generation"]), (&json!(1), &json!(0)));
        insta::assert_snapshot!("diff_pruned", ends(&plugin, 1, &["diff", "myapp", "7"]).await.stderr);
    });
}

#[test]
fn diff_asks_no_registry_about_two_generations_of_one_digest() {
    crate::support::run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "same").await;
        here.ready_tag("myapp").await;
        let _steady = steady(&here);
        let first = Plugin::new(&here).run(&["diff", "myapp"]).await;
        assert_eq!(first.code, 1);
        insta::assert_snapshot!("diff_only_one", first.stderr);
        here.go_to_generation("myapp", 1).await;
        // It could ask nobody.
        let plugin = Plugin::new(&here).variable("REGISTRY_AUTH_FILE", "/nowhere");
        assert_eq!(plugin.run(&["list-tags", "myapp"]).await.code, 1);
        insta::assert_snapshot!("diff_same", plugin.text(&["diff", "myapp"]).await);
    });
}

#[test]
fn diff_compares_one_platform_of_images_for_several() {
    crate::support::run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "platforms").await;
        push(&here, "myapp", "latest", &Image::index(1, &["linux/amd64", "linux/arm64"])).await;
        here.apply(&here.tag("myapp", json!({ "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        push(&here, "myapp", "latest", &Image::index(2, &["linux/amd64", "linux/s390x"])).await;
        here.go_to_generation("myapp", 1).await;
        let plugin = Plugin::new(&here);
        let _steady = steady(&here);
        insta::assert_snapshot!("diff_platforms", plugin.text(&["diff", "myapp"]).await);
        let gone = plugin.json(&["diff", "myapp", "--platform", "linux/arm64"]).await;
        assert_eq!(gone.get("layers"), None, "only one of them has it");
        let wrong = ends(&plugin, 1, &["diff", "myapp", "--platform", "plan9/amd64"]).await;
        insta::assert_snapshot!("diff_no_such_platform", wrong.stderr);
        assert_eq!(ends(&plugin, 2, &["diff", "myapp", "--platform", "amd64"]).await.stdout, "");
    });
}

#[test]
fn diff_asks_the_source_where_the_copy_is_gone() {
    crate::support::run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "either").await;
        push(&here, "myapp", "latest", &Image::single(1)).await;
        here.apply(&here.tag("myapp", json!({ "generation": 0, "cache": true }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        push(&here, "myapp", "latest", &Image::single(2)).await;
        here.go_to_generation("myapp", 1).await;
        let plugin = Plugin::new(&here);
        let by_copy = plugin.json(&["diff", "myapp"]).await;
        let copy = format!("{}/myapp", here.name);
        cached.proxy.fault(Match::manifest().repository(&copy), Fault::status(404));
        let by_source = plugin.json(&["diff", "myapp"]).await;
        assert_eq!(by_copy, by_source);
        assert!(by_copy["size"]["after"].as_u64() > Some(0), "{by_copy}");
    });
}

#[test]
fn outdated_tells_what_registries_have_that_the_cluster_does_not_use() {
    crate::support::run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "outdated").await;
        for name in ["fresh", "moved", "pinned", "lost"] {
            here.ready_tag(name).await;
        }
        push(&here, "moved", "latest", &Image::single(7)).await;
        push(&here, "pinned", "latest", &Image::single(8)).await;
        here.go_to_generation("pinned", 1).await;
        here.go_to_generation("pinned", 0).await;
        for version in ["1.2.0", "1.10.0", "2.0.0"] {
            push(&here, "versions", version, &Image::single(version.len() as u64)).await;
        }
        let policy = json!({
            "from": here.repository("versions"), "generation": 0, "policy": { "semver": { "range": "<2" } },
        });
        here.apply(&here.tag("versions", policy)).await.unwrap();
        here.wait_for_generation("versions", 0).await;
        push(&here, "versions", "1.11.0", &Image::single(9)).await;
        here.patch_from("lost", &format!("{}:gone", here.repository("lost"))).await;

        let plugin = Plugin::new(&here);
        let _steady = steady(&here);
        insta::assert_snapshot!("outdated", plugin.text(&["outdated"]).await);
        insta::assert_snapshot!("outdated_json", document(&plugin, &["outdated"]).await);
        assert_eq!(ends(&plugin, 3, &["outdated", "--exit-code"]).await.stderr, "");
        ends(&plugin, 0, &["outdated", "fresh", "--exit-code"]).await;
        insta::assert_snapshot!("outdated_unknown", ends(&plugin, 1, &["outdated", "lost"]).await.stderr);
        assert_eq!(
            plugin.text(&["outdated", "-o", "name"]).await,
            "tag.images.io/moved\ntag.images.io/pinned\ntag.images.io/versions\n"
        );
        let here_too = plugin.json(&["outdated", "-A"]).await;
        let names =
            here_too.as_array().unwrap().iter().filter(|told| told["namespace"] == here.name.as_str());
        assert_eq!(names.count(), 5);
    });
}

#[test]
fn outdated_without_a_tag_says_so_and_succeeds() {
    crate::support::run(async {
        let here = Namespace::new(World::shared().await, "nothing").await;
        let ended = Plugin::new(&here).run(&["outdated", "--exit-code"]).await;
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", "No Tags found.\n"));
        assert_eq!(Plugin::new(&here).json(&["outdated"]).await, json!([]));
    });
}

#[test]
fn list_tags_marks_what_generations_have_and_what_the_policy_chooses() {
    crate::support::run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "listed").await;
        for (seed, version) in ["1.2.0", "1.9.0", "2.0.0", "latest"].into_iter().enumerate() {
            push(&here, "myapp", version, &Image::single(seed as u64)).await;
        }
        let policy = json!({
            "from": here.repository("myapp"), "generation": 0, "policy": { "semver": { "range": "<2" } },
        });
        here.apply(&here.tag("myapp", policy)).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        push(&here, "myapp", "1.10.0", &Image::single(9)).await;

        let plugin = Plugin::new(&here);
        let _steady = steady(&here);
        insta::assert_snapshot!("list_tags", plugin.text(&["list-tags", "myapp"]).await);
        insta::assert_snapshot!(
            "list_tags_candidates",
            plugin.text(&["list-tags", "myapp", "--candidates"]).await
        );
        insta::assert_snapshot!("list_tags_json", document(&plugin, &["list-tags", "myapp"]).await);
        let image = plugin.text(&["list-tags", &here.repository("myapp")]).await;
        assert_eq!(image, "latest\n2.0.0\n1.10.0\n1.9.0\n1.2.0\n");
        insta::assert_snapshot!(
            "list_tags_none",
            ends(&plugin, 1, &["list-tags", &here.repository("nothing")]).await.stderr
        );
    });
}

#[test]
fn retag_gives_a_generation_other_tags_and_moves_none_unasked() {
    crate::support::run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "retag").await;
        two_generations(&here, "myapp").await;
        let plugin = Plugin::new(&here);
        let tag = here.get("tag", "myapp").await.unwrap();
        let digests: Vec<&str> =
            (0..2).map(|at| tag["status"]["references"][at]["digest"].as_str().unwrap()).collect();
        let repository = format!("{}/myapp", here.name);
        let at = async |tag: &str| world.registry.target().digest(&repository, tag).await.unwrap();

        let _steady = steady(&here);
        let tried = plugin.text(&["retag", "myapp", "stable", "--dry-run"]).await;
        insta::assert_snapshot!("retag_dry_run", tried);
        assert_eq!(at("stable").await, None);

        let patterns = ["retag", "myapp", "stable", "r{generation}-{tag}"];
        insta::assert_snapshot!("retag", plugin.text(&patterns).await);
        assert_eq!(at("stable").await.as_deref(), Some(digests[0]));
        assert_eq!(at("r1-latest").await.as_deref(), Some(digests[0]));
        insta::assert_snapshot!("retag_again", plugin.text(&["retag", "myapp", "stable"]).await);

        let refused = ends(&plugin, 1, &["retag", "myapp", "older", "stable", "-g", "0"]).await;
        insta::assert_snapshot!("retag_refused", refused.stderr);
        assert_eq!(at("older").await, None, "nothing was done of it");
        let moved = plugin.json(&["retag", "myapp", "stable", "-g", "0", "--force"]).await;
        insta::assert_snapshot!("retag_json", serde_json::to_string_pretty(&moved).unwrap());
        assert_eq!(at("stable").await.as_deref(), Some(digests[1]));

        let short = &digests[0]["sha256:".len()..][..12];
        plugin.text(&["retag", "myapp", "latest-{digest:12}"]).await;
        assert_eq!(at(&format!("latest-{short}")).await.as_deref(), Some(digests[0]));
        insta::assert_snapshot!(
            "retag_unknown",
            ends(&plugin, 1, &["retag", "myapp", "{commit}"]).await.stderr
        );
        insta::assert_snapshot!(
            "retag_not_cached",
            ends(&plugin, 1, &["retag", "myapp", "a", "--cache"]).await.stderr
        );
    });
}

#[test]
fn retag_in_the_cache_leaves_the_source_alone() {
    crate::support::run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "copies").await;
        push(&here, "myapp", "latest", &Image::single(1)).await;
        here.apply(&here.tag("myapp", json!({ "generation": 0, "cache": true }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        Plugin::new(&here).text(&["retag", "myapp", "stable", "--cache"]).await;
        assert!(cached.digest(&here, "myapp", "stable").await.is_some());
        let source = here.world.registry.target().digest(&format!("{}/myapp", here.name), "stable").await;
        assert_eq!(source.unwrap(), None);
    });
}

impl Namespace<'_> {
    async fn patch_from(&self, tag: &str, from: &str) {
        let patch = json!({ "spec": { "from": from } }).to_string();
        self.kubectl(&["patch", "tag", tag, "--type=merge", "-p", &patch]).await.unwrap();
    }
}
