//! `tagger copy`, between real registries and with no cluster near.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::attachment::{fallback_tag, referrer, referrers_index};
use tagger_testkit::image::Image;
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::support::run;

async fn registry(options: RegistryOptions) -> Registry {
    Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap()
}

async fn two_registries() -> (Registry, Registry) {
    (registry(RegistryOptions::default()).await, registry(RegistryOptions::default()).await)
}

/// Runs `tagger copy`, which may reach these registries in plain HTTP.
fn copy(registries: &[&Registry], arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagger"));
    command.arg("copy").args(arguments);
    for registry in registries {
        command.args(["--insecure-registry", &registry.address()]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.env_remove("KUBERNETES_SERVICE_HOST").env_remove("KUBECONFIG").spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What was printed by one that succeeded and had nothing to complain of.
fn printed(output: Output) -> String {
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_copy_says_in_one_line_what_it_is_and_what_travelled() {
    run(async {
        let (from, into) = two_registries().await;
        let pushed = Image::single(1).layers(2, 1024).push(&from, "company/app", "v1").await.unwrap();
        let source = format!("{}/company/app:v1", from.address());
        let destination = format!("{}/cache/app:g1", into.address());

        let said = printed(copy(&[&from, &into], &[&source, &destination], ""));
        let by_digest = format!("{}/cache/app@{}", into.address(), pushed.digest);
        let beginning = format!("{source} is {by_digest}: 3 blobs of ");
        assert!(said.starts_with(&beginning), "{said}");
        assert!(said.ends_with(" sent, 0 blobs of 0 B mounted, 0 blobs of 0 B there\n"), "{said}");
        assert_eq!(into.target().digest("cache/app", "g1").await.unwrap(), Some(pushed.digest.clone()));

        let said = printed(copy(&[&from, &into], &[&source, &destination], ""));
        assert!(said.contains(": 0 blobs of 0 B sent, "), "{said}");
    });
}

#[test]
fn a_copy_is_told_to_programs_as_an_object_with_its_tags_and_what_followed() {
    run(async {
        let (from, into) = two_registries().await;
        let image = Image::index(1, &["linux/amd64", "linux/arm64"]).build().unwrap();
        let pushed = image.push(&from, "company/app", "v1").await.unwrap();
        let sbom = referrer(&pushed, "application/vnd.example.sbom", "what is in it");
        let list = referrers_index(&[(&sbom, "application/vnd.example.sbom")]);
        list.push(&from, "company/app", &fallback_tag(&pushed.digest)).await.unwrap();
        let source = format!("{}/company/app:v1", from.address());
        let destination = format!("{}/cache/app:g1", into.address());

        let arguments = [&source, &destination, "--json", "--referrers", "--tag", "current", "--tag", "v1"];
        let said = printed(copy(&[&from, &into], &arguments, ""));
        let blobs = image.children.iter().chain([&sbom]).flat_map(|one| &one.blobs);
        let bytes: usize = blobs.clone().map(|blob| blob.bytes.len()).sum();
        let nothing = json!({ "blobs": 0, "bytes": 0 });
        let expected = json!({
            "source": source,
            "destination": format!("{}/cache/app@{}", into.address(), pushed.digest),
            "digest": pushed.digest,
            "mediaType": pushed.media_type,
            "size": pushed.bytes.len(),
            "sent": { "blobs": blobs.count(), "bytes": bytes },
            "mounted": nothing,
            "present": nothing,
            "referrers": 1,
        });
        assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
        for tag in ["g1", "current", "v1"] {
            assert_eq!(into.target().digest("cache/app", tag).await.unwrap(), Some(pushed.digest.clone()));
        }
        let attached = into.target().digest("cache/app", &sbom.digest()).await.unwrap();
        assert_eq!(attached, Some(sbom.digest()));
    });
}

#[test]
fn a_batch_makes_the_copies_that_can_be_made_and_fails_for_the_others() {
    run(async {
        let (from, into) = two_registries().await;
        for number in 0..3 {
            Image::single(number).push(&from, &format!("company/app-{number}"), "v1").await.unwrap();
        }
        let line = |number| {
            format!("{}/company/app-{number}:v1={}/cache/app-{number}:g1\n", from.address(), into.address())
        };
        let batch = format!("# three that are there\n\n{}{}{}", line(0), line(1), line(2));
        let said = printed(copy(&[&from, &into], &["--batch", "-", "--json"], &batch));
        assert_eq!(
            said.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(),
            3,
            "{said}"
        );

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("batch");
        std::fs::write(&file, format!("{}{}", line(7), line(1))).unwrap();
        let output = copy(&[&from, &into], &["--batch", file.to_str().unwrap()], "");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains("company/app-7:v1 was not copied: "), "{complaint}");
        assert!(complaint.contains("the registry does not have it"), "{complaint}");
        assert!(complaint.contains("1 of 2 not copied"), "{complaint}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
    });
}

#[test]
fn each_end_is_shown_its_own_credentials_from_the_docker_config() {
    run(async {
        let from = registry(RegistryOptions::default().user("reader", "red")).await;
        let into = registry(RegistryOptions::default().user("writer", "green")).await;
        let pushed = Image::single(1).push(&from, "company/app", "v1").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let config = |password: &str| {
            let auths = json!({
                from.address(): { "username": "reader", "password": "red" },
                into.address(): { "username": "writer", "password": password },
            });
            std::fs::write(&file, json!({ "auths": auths }).to_string()).unwrap();
        };
        let source = format!("{}/company/app:v1", from.address());
        let destination = format!("{}/cache/app:g1", into.address());
        let arguments = [&source, &destination, "--docker-config", file.to_str().unwrap()];

        config("blue");
        let output = copy(&[&from, &into], &arguments, "");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(complaint.contains(&into.address()) && complaint.contains("refuses access"), "{complaint}");
        assert!(!complaint.contains("blue"), "{complaint}");

        config("green");
        printed(copy(&[&from, &into], &arguments, ""));
        assert_eq!(into.target().digest("cache/app", "g1").await.unwrap(), Some(pushed.digest));
    });
}

#[rstest]
#[case::nowhere_to_copy_to(&["quay.invalid/app:v1"], 2, "<DESTINATION>")]
#[case::no_registry_to_copy_to(&["quay.invalid/app:v1", "app:v1"], 1, "names no registry to copy to; write host/path:tag")]
#[case::a_digest_that_is_to_come(
    &["quay.invalid/app:v1", "quay.invalid/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    1,
    "leave it out"
)]
#[case::both_ways_at_once(&["quay.invalid/app:v1", "quay.invalid/b:v1", "--batch", "-"], 2, "--batch")]
#[case::a_batch_that_is_not_there(&["--batch", "/nowhere"], 1, "--batch /nowhere can't be read")]
#[case::a_tag_that_is_none(&["quay.invalid/app:v1", "quay.invalid/b:v1", "--tag", "a b"], 2, "--tag")]
fn what_cannot_be_copied_is_said_before_anything_is_asked(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] said: &str,
) {
    let output = copy(&[], arguments, "");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{complaint}");
    assert!(complaint.contains(said), "{complaint}");
}

#[test]
fn a_line_of_a_batch_that_is_wrong_ends_it_before_it_begins() {
    let output = copy(&[], &["--batch", "-"], "quay.invalid/a:v1=quay.invalid/b:v1\nquay.invalid/a\n");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{complaint}");
    assert!(complaint.contains("line 2 is no SOURCE=DESTINATION"), "{complaint}");
}
