//! `kubectl tag generate`, as it is called, on the manifests in `data/generate`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test: what goes wrong ends it")]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// What a call came to.
struct Call {
    code: Option<i32>,
    output: String,
    told: String,
}

/// Calls it in the folder of the manifests, where no cluster can be reached.
fn generate(arguments: &[&str], input: &str) -> Call {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-tag"))
        .arg("generate")
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/generate"))
        .env("KUBECONFIG", "/nowhere")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    Call {
        code: ended.status.code(),
        output: String::from_utf8(ended.stdout).unwrap(),
        told: String::from_utf8(ended.stderr).unwrap(),
    }
}

fn done(arguments: &[&str]) -> Call {
    let call = generate(arguments, "");
    assert_eq!(call.code, Some(0), "{}", call.told);
    call
}

#[test]
fn the_shop_gets_its_tags() {
    let call = done(&["-f", "shop"]);
    insta::assert_snapshot!("shop_tags", call.output);
    insta::assert_snapshot!("shop_told", call.told);
}

#[test]
fn the_shop_is_rewritten() {
    let call = done(&["-f", "shop", "--rewrite", "--cache", "--numbered"]);
    // Carriage returns would not be seen in a snapshot.
    insta::assert_snapshot!("shop_rewritten", call.output.replace('\r', "␍"));
    insta::assert_snapshot!("shop_rewritten_told", call.told);
}

#[test]
fn what_gets_no_tag_or_stays_is_told() {
    let call = done(&["-f", "left", "--rewrite"]);
    insta::assert_snapshot!("left_rewritten", call.output);
    insta::assert_snapshot!("left_told", call.told);
}

#[test]
fn every_image_is_found_once() {
    let call = done(&["-f", "shop", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&call.output).unwrap();
    let tags: Vec<(&str, &str)> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| (tag["metadata"]["namespace"].as_str().unwrap(), tag["spec"]["from"].as_str().unwrap()))
        .collect();
    let distinct: BTreeSet<&str> = tags.iter().map(|(_, from)| *from).collect();
    assert_eq!(distinct, images_of_the_shop());
    assert_eq!(tags.iter().collect::<BTreeSet<_>>().len(), tags.len());
}

/// All that looks like an image in the texts, but for what is no container's, is not to be touched, or has its Tag.
fn images_of_the_shop() -> BTreeSet<&'static str> {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/generate/shop")).unwrap();
    let texts: String = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let pattern = regex::Regex::new(r#"registry\.example\.com/[^\s"',}]+"#).unwrap();
    let images = pattern.find_iter(texts.leak()).map(|found| found.as_str());
    let is_other = |image: &str| ["/docs/", "/vault:", "/payments:"].iter().any(|part| image.contains(part));
    images
        .filter(|image| !is_other(image))
        .map(
            |image| {
                if image.ends_with("/mesh/proxy") { "registry.example.com/mesh/proxy:latest" } else { image }
            },
        )
        .collect()
}

#[test]
fn what_was_rewritten_stays_as_it_is() {
    for folder in ["shop", "left"] {
        let once = done(&["-f", folder, "--rewrite"]).output;
        let twice = generate(&["-f", "-", "--rewrite"], &once);
        assert_eq!(twice.code, Some(0), "{}", twice.told);
        assert_eq!(twice.output, once);
        assert!(twice.told.contains("no image needs a new Tag"), "{}", twice.told);
        let tags = generate(&["-f", "-"], &once);
        assert_eq!(tags.output, "");
    }
}

#[test]
fn names_are_printed_as_kubectl_takes_them() {
    let call = done(&["-f", "shop/30-cronjobs.yaml", "-o", "name"]);
    assert_eq!(call.output, "tag.images.io/busybox\ntag.images.io/nightly\ntag.images.io/postgres\n");
    assert_eq!(call.told, "");
}

#[test]
fn the_namespace_is_that_of_the_object_or_the_one_given_or_none() {
    let pod = "kind: Pod\napiVersion: v1\nspec: {containers: [{name: a, image: quay.io/company/myapp}]}\n";
    insta::assert_snapshot!(generate(&["-f", "-"], pod).output, @r"
    apiVersion: images.io/v1
    kind: Tag
    metadata:
      name: myapp
    spec:
      from: quay.io/company/myapp:latest
    ");
    insta::assert_snapshot!(generate(&["-f", "-", "-n", "shop"], pod).output, @r"
    apiVersion: images.io/v1
    kind: Tag
    metadata:
      name: myapp
      namespace: shop
    spec:
      from: quay.io/company/myapp:latest
    ");
}

#[test]
fn a_text_that_cannot_be_read_prints_nothing_and_is_told_whole() {
    let call = generate(&["-f", "shop", "-f", "broken", "--rewrite"], "");
    assert_eq!((call.code, call.output.as_str()), (Some(1), ""));
    insta::assert_snapshot!("broken_told", call.told);
}

#[test]
fn a_form_that_does_not_fit_is_told() {
    insta::assert_snapshot!("form_told", generate(&["-f", "shop", "-o", "wide"], "").told);
    insta::assert_snapshot!(
        "form_rewritten_told",
        generate(&["-f", "shop", "-o", "json", "--rewrite"], "").told
    );
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let call = generate(&["-f", "none.yaml"], "");
    assert_eq!(call.code, Some(1));
    insta::assert_snapshot!("none_told", call.told);
}

#[test]
fn nothing_to_do_is_told() {
    let call = generate(&["-f", "-", "--rewrite"], "# nothing\n---\n");
    assert_eq!((call.code, call.output.as_str()), (Some(0), "# nothing\n---\n"));
    insta::assert_snapshot!(call.told, @"no image needs a new Tag");
}
