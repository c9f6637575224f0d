//! Images on disk, and copies: pulled from registries, brought to the cache, and published by the operator.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};

use crate::plugin::{Ended, Plugin, steady};
use crate::support::cached::Cached;
use crate::support::{Namespace, run};

/// All that a command says.
fn all(ended: &Ended) -> String {
    format!("{}{}exit {}\n", ended.stdout, ended.stderr, ended.code)
}

/// A Tag that is mirrored, with its first generation published, and the digest of that.
async fn mirrored(cached: &Cached, here: &Namespace<'_>, image: &Image) -> String {
    let registry = &cached.world.registry;
    let pushed = image.push(registry, &format!("{}/myapp", here.name), "latest").await.unwrap();
    here.apply(&here.tag("myapp", json!({ "cache": true }))).await.unwrap();
    here.wait_for_generation("myapp", 0).await;
    pushed.digest
}

#[test]
fn a_generation_is_pulled_and_pushed_and_published_with_the_same_digest() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "disk").await;
        let plugin = Plugin::new(&here);
        let digest = mirrored(cached, &here, &Image::index(1, &["linux/amd64", "linux/arm64"])).await;
        let _steady = steady(&here);
        for (layout, path) in [("oci-dir", "folder"), ("oci-archive", "archive.tar")] {
            let pulled = plugin.run(&["pull", "myapp", path, "-o", layout]).await;
            assert_eq!(pulled.code, 0, "{}", all(&pulled));
            assert!(pulled.stdout.contains(&digest), "{}", all(&pulled));
            assert_snapshot!(format!("pull_{layout}"), all(&pulled));
        }
        let tried = plugin.run(&["push", "myapp", "folder", "--dry-run"]).await;
        assert_snapshot!("push_dry_run", all(&tried));
        let pushed = plugin.run(&["push", "myapp", "folder", "--wait"]).await;
        assert_eq!(pushed.code, 0, "{}", all(&pushed));
        // How often it is looked while it goes is chance.
        assert!(pushed.stderr.contains("generation 1 is published"), "{}", all(&pushed));
        let tag = here.get("tag", "myapp").await.unwrap();
        let newest = &tag["status"]["references"][0];
        assert_eq!((newest["generation"].as_i64(), newest["digest"].as_str()), (Some(1), Some(&*digest)));
        assert_eq!(newest["trigger"], "Upload");
        let image = newest["imageReference"].as_str().unwrap();
        assert_eq!(image, cached.copy(&here, "myapp", image));
        // A moment later the archive becomes the generation after it; nothing of it need be sent.
        let pushed = plugin.run(&["push", "myapp", "archive.tar"]).await;
        assert_snapshot!("push", all(&pushed));
        here.wait_for_generation("myapp", 2).await;
    });
}

#[test]
fn a_tag_that_is_not_mirrored_takes_uploads_where_the_cache_is_named() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "disk").await;
        let plugin = Plugin::new(&here).variable("TAGGER_CACHE_REGISTRY", cached.proxy.address());
        let registry = &cached.world.registry;
        let repository = format!("{}/myapp", here.name);
        Image::single(1).push(registry, &repository, "latest").await.unwrap();
        here.apply(&here.tag("myapp", json!({ "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let other = Image::single(2).push(registry, &repository, "other").await.unwrap();
        let image = format!("{}/{repository}:other", registry.address());
        let _steady = steady(&here);
        let pulled = plugin.run(&["pull", &image, "-o", "docker-archive"]).await;
        assert_snapshot!("pull_image", all(&pulled));
        let pushed = plugin.run(&["push", "myapp", "myapp.tar", "--wait"]).await;
        assert_eq!(pushed.code, 0, "{}", all(&pushed));
        let tag = here.get("tag", "myapp").await.unwrap();
        assert_eq!(tag["spec"]["generation"], 1);
        assert_eq!(tag["status"]["references"][0]["digest"], other.digest);
    });
}

#[test]
fn what_can_not_be_pulled_or_pushed_is_told_with_the_next_step() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "disk").await;
        let plugin = Plugin::new(&here);
        let registry = &cached.world.registry;
        let repository = format!("{}/myapp", here.name);
        Image::index(1, &["linux/amd64", "linux/arm64"]).push(registry, &repository, "latest").await.unwrap();
        here.apply(&here.tag("myapp", json!({}))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        fs::write(plugin.folder().join("notes"), "notes").unwrap();
        fs::create_dir(plugin.folder().join("folder")).unwrap();
        fs::write(plugin.folder().join("folder/notes"), "notes").unwrap();
        let absent = format!("{}/{repository}:absent", registry.address());
        plugin.text(&["pull", "myapp", "image"]).await;
        let mut told = String::new();
        for arguments in [
            &["pull", "myap"][..],
            &["pull", "myapp", "--generation", "7"],
            &["pull", &absent, "somewhere"],
            &["pull", &absent, "--generation", "0"],
            &["pull", "myapp", "notes"],
            &["pull", "myapp", "folder"],
            &["pull", "myapp", "app.tar", "-o", "docker-archive"],
            &["pull", "myapp", "app.tar", "--platform", "windows/amd64"],
            &["push", "myapp", "nothing"],
            &["push", "myapp", "notes"],
            &["push", "myapp", "folder"],
            &["push", "myapp", "image"],
            &["push", "myapp", "image", "--image", "other"],
        ] {
            let shown = arguments.join(" ").replace(&absent, "IMAGE");
            told += &format!("$ kubectl tag {shown}\n{}\n", all(&plugin.run(arguments).await));
        }
        let _steady = steady(&here);
        assert_snapshot!("disk_refused", told.replace(&plugin.folder().display().to_string(), "~"));
        assert!(!plugin.folder().join("app.tar.part").exists());
    });
}

#[test]
fn a_generation_that_the_cache_does_not_give_is_taken_from_its_source() {
    run(async {
        let cached = Cached::start(&Default::default(), &[]).await;
        let here = Namespace::new(&cached.world, "disk").await;
        let plugin = Plugin::new(&here);
        let digest = mirrored(&cached, &here, &Image::single(1)).await;
        cached.proxy.stop();
        let pulled = plugin.run(&["pull", "myapp"]).await;
        assert!(pulled.stdout.contains(&digest), "{}", all(&pulled));
        let _steady = steady(&here);
        assert_snapshot!("pull_from_source", all(&pulled));
        assert!(plugin.folder().join("myapp/index.json").is_file());
    });
}

#[test]
fn ctrl_c_leaves_nothing_under_the_final_name_and_the_next_pull_goes_on() {
    run(async {
        let cached = Cached::start(&Default::default(), &[]).await;
        let here = Namespace::new(&cached.world, "disk").await;
        let plugin = Plugin::new(&here);
        let proxy = &cached.world.proxy;
        let image = Image::single(1).layers(1, 300_000);
        let pushed = image.push(&cached.world.registry, &format!("{}/app", here.name), "v1").await.unwrap();
        proxy.fault(Match::blob().method("GET").larger_than(0), Fault::never());
        proxy.fault(Match::blob().method("GET"), Fault::forward().dripping(1000, Duration::from_millis(100)));
        let name = format!("{}/{}/app:v1", proxy.address(), here.name);
        let mut command = plugin.command(&["pull", &name, "app"]);
        let child = command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn();
        let child = child.unwrap();
        let part = plugin.folder().join("app.part");
        let came = || {
            let blobs = fs::read_dir(part.join("blobs/sha256")).into_iter().flatten().flatten();
            blobs
                .filter(|blob| blob.path().extension().is_some_and(|of| of == "part"))
                .map(|blob| blob.metadata().map_or(0, |of| of.len()))
                .sum::<u64>()
        };
        while came() < 5000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let interrupt = format!("kill -INT {}", child.id().unwrap());
        assert!(plugin.shell(&interrupt).status().await.unwrap().success());
        let output = child.wait_with_output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{told}");
        assert!(told.contains("what has come is kept in app.part; the same command goes on there"), "{told}");
        assert!(!plugin.folder().join("app").exists() && came() >= 5000);
        let had = came();
        proxy.reset();
        let ended = plugin.run_anywhere(&["pull", &name, "app"]).await;
        assert!(ended.stdout.contains(&pushed.digest), "{}", all(&ended));
        let given = proxy.bytes_sent("GET", tagger_testkit::proxy::Kind::Blob);
        let blobs: u64 = image.build().unwrap().blobs.iter().map(|blob| blob.bytes.len() as u64).sum();
        assert!(given <= blobs - had, "{given} of {blobs}, of which {had} were there");
    });
}

#[test]
fn an_image_is_copied_and_a_second_copy_sends_nothing() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "disk").await;
        let plugin = Plugin::new(&here);
        let registry = &cached.world.registry;
        let image = Image::single(1);
        let pushed = image.push(registry, &format!("{}/app", here.name), "v1").await.unwrap();
        let source = format!("{}/{}/app:v1", registry.address(), here.name);
        let destination = format!("{}/{}/copy:v1", cached.cache.address(), here.name);
        let _steady = steady(&here);
        let mut told = String::new();
        for more in [&["--dry-run"][..], &[], &[], &["-o", "name"], &["-o", "json"]] {
            let ended = plugin.run(&[&["copy", &source, &destination], more].concat()).await;
            told += &format!("$ kubectl tag copy SOURCE DESTINATION {}\n{}\n", more.join(" "), all(&ended));
        }
        assert_snapshot!("copy", told);
        let there = cached.cache.target().digest(&format!("{}/copy", here.name), "v1").await.unwrap();
        assert_eq!(there, Some(pushed.digest));
        let absent = format!("{}/{}/absent:v1", registry.address(), here.name);
        let mut told = String::new();
        for (source, destination) in [
            (&absent, &*destination),
            (&source, "copy"),
            (&source, &format!("{destination}@{}", there.unwrap())),
        ] {
            told += &format!("{}\n", all(&plugin.run(&["copy", source, destination]).await));
        }
        assert_snapshot!("copy_refused", told);
    });
}
