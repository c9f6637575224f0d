//! Making Tags.

use tagger_testkit::assets::Assets;
use tagger_testkit::kubectl::Kubectl;

use super::{told, written};
use crate::plugin::{Plugin, plain, steady};
use crate::support::{Namespace, World, run};

#[test]
fn a_manifest_is_made_without_a_cluster() {
    run(async {
        let _steady = plain();
        let assets = Assets::obtain().await.unwrap();
        let plugin = Plugin::with(&Kubectl::new(&assets.kubectl, "/nowhere"), "dev");
        let from = "quay.io/company/myapp";
        let rule: &[&str] = &[
            "new",
            "myapp",
            "--from",
            from,
            "--policy",
            "semver=>=1.2.0, <2",
            "--cache",
            "--interval",
            "10m",
            "--dry-run=client",
        ];
        let numbers: &[&str] = &[
            "new",
            "myapp",
            "--from",
            from,
            "--policy",
            "numerical=desc",
            "--filter",
            "^main-(?P<ts>[0-9]+)$",
            "--extract",
            "$ts",
            "--schedule",
            "0 3 * * *",
            "--time-zone",
            "Europe/Zurich",
            "--no-push",
            "--history",
            "9",
            "--dry-run",
        ];
        let json: &[&str] =
            &["new", "myapp", "--from", from, "--generation", "0", "--dry-run=client", "-o", "json"];
        let name: &[&str] = &["new", "myapp", "--from", from, "--dry-run=client", "-o", "name"];
        insta::assert_snapshot!("steer_new_manifest", told(&plugin, &[rule, numbers, json, name]).await);
        let wrong: [&[&str]; 5] = [
            &["new", "My_App", "--from", from, "--dry-run=client"],
            &["new", "myapp", "--from", "https://quay.io/a", "--dry-run=client"],
            &["new", "myapp", "--from", from, "--policy", "newest", "--dry-run=client"],
            &[
                "new",
                "myapp",
                "--from",
                "quay.io/a:b",
                "--policy",
                "numerical",
                "--interval",
                "1s",
                "--history",
                "0",
                "--dry-run=client",
            ],
            &["new", "myapp", "--from", from, "--generation", "3", "--dry-run=client"],
        ];
        insta::assert_snapshot!("steer_new_wrong", told(&plugin, &wrong).await);
    });
}

#[test]
fn a_tag_is_made_once() {
    run(async {
        let here = Namespace::new(World::shared().await, "new").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        here.push("myapp", "latest", 0).await;
        let from = format!("{}:latest", here.repository("myapp"));
        let new: &[&str] = &["new", "myapp", "--from", &from];
        let tried = [new, &["--dry-run=server"]].concat();
        let mut all = told(&plugin, &[&tried]).await;
        assert!(here.get("tag", "myapp").await.is_none());
        let waited = [new, &["--wait"]].concat();
        let ended = plugin.run(&waited).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stdout, "tag.images.io/myapp created\n");
        let lines: Vec<&str> = ended.stderr.lines().collect();
        assert!(lines.contains(&"generation 0 is published"), "{lines:?}");
        assert_eq!(lines.last(), Some(&"no workload follows the Tag"), "{lines:?}");
        here.wait_for_generation("myapp", 0).await;
        all += &told(&plugin, &[new]).await;
        insta::assert_snapshot!("steer_new", all);
        let other = plugin.json(&["new", "other", "--from", &from, "--cache", "--generation", "0"]).await;
        assert!(other.get("status").is_none(), "{other}");
        insta::assert_snapshot!("steer_new_json", written(&other));
        let nowhere = plugin.run_anywhere(&["new", "myapp", "--from", &from, "-n", "no-such-place"]).await;
        insta::assert_snapshot!("steer_new_nowhere", nowhere.stderr);
    });
}
