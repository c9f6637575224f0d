//! Waiting until what was asked for has come.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::{tag, tag_with_three, told};
use crate::kubelet;
use crate::plugin::{Plugin, steady};
use crate::support::cached::Cached;
use crate::support::{Namespace, World, run};

#[test]
fn a_wait_ends_when_the_workloads_run_the_new_generation() {
    run(async {
        let here = Namespace::new(World::shared().await, "waited").await;
        let plugin = Plugin::new(&here);
        tag(&here, &plugin, "myapp", &["--generation", "0"]).await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        kubelet::roll_out(&here, "web").await;
        let new = here.push("myapp", "latest", 1).await;
        let wait = ["upgrade", "myapp", "--wait", "--timeout", "1m"];
        let nodes = async {
            here.wait_for_image("deployment", "web", &new).await;
            kubelet::roll_out(&here, "web").await;
        };
        let (ended, ()) = tokio::join!(plugin.run(&wait), nodes);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (0, "tag.images.io/myapp asked for an import: generation 0 -> 1\n"),
            "{}",
            ended.stderr
        );
        let lines: Vec<&str> = ended.stderr.lines().collect();
        for line in ["generation 1 is published", "deployment/web 1/1 ready"] {
            assert!(lines.contains(&line), "{line}: {lines:?}");
        }
        assert_eq!(lines.last(), Some(&"1 workload runs generation 1"), "{lines:?}");
        assert_eq!(lines.iter().collect::<HashSet<_>>().len(), lines.len(), "each is told once: {lines:?}");
    });
}

#[test]
fn a_copy_into_the_cache_is_waited_for() {
    run(async {
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "copied").await;
        let plugin = Plugin::new(&here);
        let repository = format!("{}/myapp", here.name);
        let image = Image::single(30).layers(1, 1024 * 1024);
        image.push(&cached.world.registry, &repository, "latest").await.unwrap();
        let slow = Fault::forward().dripping(48 * 1024, Duration::from_millis(200));
        cached.world.proxy.fault(Match::blob().repository(&repository), slow);
        let from = format!("{}/{repository}:latest", cached.world.proxy.address());
        let ended =
            plugin.run(&["new", "myapp", "--from", &from, "--cache", "--wait", "--timeout", "1m"]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let end = "mirroring into the cache\ngeneration 0 is published\nno workload follows the Tag\n";
        assert!(ended.stderr.ends_with(end), "{}", ended.stderr);
    });
}

#[test]
fn a_tag_that_follows_is_waited_for_by_what_it_was_asked() {
    run(async {
        let here = Namespace::new(World::shared().await, "followed").await;
        let plugin = Plugin::new(&here);
        tag(&here, &plugin, "myapp", &[]).await;
        for number in [1, 2] {
            let ended = plugin.run(&["upgrade", "myapp", "--wait"]).await;
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            let published = format!("generation {number} is published");
            assert!(ended.stderr.lines().any(|line| line == published), "{}", ended.stderr);
        }
    });
}

#[test]
fn a_wait_that_takes_too_long_says_what_is_missing() {
    run(async {
        let here = Namespace::new(World::shared().await, "late").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        tag_with_three(&here, &plugin, "myapp", &[]).await;
        let reference = here.get("tag", "myapp").await.unwrap()["status"]["imageReference"].clone();
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        here.wait_for_image("deployment", "web", reference.as_str().unwrap()).await;
        here.settled("web").await;
        let late = told(&plugin, &[&["pin", "myapp", "--wait", "--timeout", "1s"]]).await;
        insta::assert_snapshot!("steer_late", late);
        let once = told(&plugin, &[&["unpin", "myapp", "--wait", "--timeout", "0", "-o", "name"]]).await;
        assert!(once.contains("[exit code 4]"), "{once}");
    });
}

#[test]
fn what_does_not_come_by_itself_is_not_waited_for() {
    run(async {
        let here = Namespace::new(World::shared().await, "vain").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        let missing = format!("{}:latest", here.repository("missing"));
        let mut all = told(&plugin, &[&["new", "missing", "--from", &missing, "--wait"]]).await;
        all = all.lines().filter(|line| *line != "  | resolving").map(|line| format!("{line}\n")).collect();
        here.push("missing", "latest", 0).await;
        let mended = plugin.run(&["import", "missing", "--wait"]).await;
        assert_eq!(mended.code, 0, "{}", mended.stderr);
        assert!(
            mended.stderr.ends_with("generation 0 is published\nno workload follows the Tag\n"),
            "{}",
            mended.stderr
        );
        tag_with_three(&here, &plugin, "myapp", &[]).await;
        plugin.text(&["suspend", "myapp"]).await;
        here.wait_for_generation("myapp", 2).await;
        all += &told(&plugin, &[&["downgrade", "myapp", "--wait"]]).await;
        insta::assert_snapshot!("steer_vain", all);
    });
}

#[test]
fn what_passes_is_waited_for() {
    run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "passes").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        here.push("myapp", "latest", 0).await;
        let repository = format!("{}/myapp", here.name);
        world.proxy.fault(Match::manifest().repository(&repository), Fault::status(503));
        let from = format!("{}/{}/myapp:latest", world.proxy.address(), here.name);
        plugin.text(&["new", "myapp", "--from", &from]).await;
        assert_eq!(here.wait_for_condition("myapp", "Reconciling").await.0, "ServerError");
        let late = told(&plugin, &[&["resume", "myapp", "--wait", "--timeout", "1s"]]).await;
        insta::assert_snapshot!("steer_passes", late);
    });
}

#[test]
fn an_interrupted_wait_ends_and_what_was_asked_for_goes_on() {
    run(async {
        let here = Namespace::new(World::shared().await, "interrupted").await;
        let plugin = Plugin::new(&here);
        tag_with_three(&here, &plugin, "myapp", &[]).await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        let arguments = ["downgrade", "myapp", "--wait", "--namespace", &here.name];
        let mut command = plugin.command(&arguments);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("generation 1 is published") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).await.unwrap(), 0, "it ended by itself");
        }
        let pid = child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).await.unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(130), "{rest}");
        let last: Vec<&str> = rest.lines().rev().take(2).collect();
        assert_eq!(last[0], "error: interrupted");
        assert_eq!(
            last[1],
            "not waited for any longer; what was asked for goes on in the cluster: kubectl tag status myapp shows how"
        );
        here.wait_for_generation("myapp", 1).await;
        assert_eq!(here.get("tag", "myapp").await.unwrap()["spec"]["generation"], json!(1));
    });
}
