use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use cyclonedx_bom::models::bom::Bom;
use cyclonedx_bom::validation::Validate;
use flate2::read::GzDecoder;
use serde_json::json;
use tagger_registry::{Anonymous, Choice, Client, Destination, OnDisk, Settings};
use tagger_testkit::assets::Assets;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::skopeo::Skopeo;

use super::bill::{Parts, checksums, written};
use super::*;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn commit() -> Commit {
    Commit { time: 1_700_000_000, revision: Some("abc".into()) }
}

/// The image with a program that is none, for these platforms; the descriptor of its index.
fn image(platforms: &[Platform]) -> (Layout, Value) {
    let commit = commit();
    let trusted =
        layer(&[Entry::file("etc/ssl/certs/ca-certificates.crt", authorities::pem(), 0o644)], commit.time)
            .unwrap();
    let variant = |platform: &Platform| {
        let program = format!("#!/bin/sh\necho {platform}\n").into_bytes();
        let program = layer(&[Entry::file("tagger", program, 0o755)], commit.time).unwrap();
        Variant { platform: *platform, layers: vec![trusted.clone(), program] }
    };
    let variants: Vec<Variant> = platforms.iter().map(variant).collect();
    let mut layout = Layout::default();
    let index =
        layout.add_image(&variants, &labels(&commit, Some("https://example.invalid/")), &commit).unwrap();
    layout.add_bill(&index, b"{}".to_vec(), &commit);
    (layout, index)
}

fn document(folder: &Path, descriptor: &Value) -> Value {
    let digest = descriptor["digest"].as_str().unwrap().replacen(':', "/", 1);
    serde_json::from_slice(&std::fs::read(folder.join("blobs").join(digest)).unwrap()).unwrap()
}

#[test]
fn there_is_the_program_and_what_everybody_trusts_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, index) = image(&[Platform::Amd64, Platform::Arm64]);
    layout.write(folder.path()).unwrap();
    let index = document(folder.path(), &index);
    let platforms: Vec<&Value> =
        index["manifests"].as_array().unwrap().iter().map(|entry| &entry["platform"]).collect();
    assert_eq!(
        platforms,
        [
            &json!({ "architecture": "amd64", "os": "linux" }),
            &json!({ "architecture": "arm64", "os": "linux" })
        ]
    );
    assert_eq!(index["annotations"]["org.opencontainers.image.version"], VERSION);
    let manifest = document(folder.path(), &index["manifests"][1]);
    let config = document(folder.path(), &manifest["config"]);
    assert_eq!(
        (&config["config"]["User"], &config["config"]["Entrypoint"]),
        (&json!("65532:65532"), &json!(["/tagger"]))
    );
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.revision"], "abc");
    let mut found = Vec::new();
    for (layer, diff_id) in
        manifest["layers"].as_array().unwrap().iter().zip(config["rootfs"]["diff_ids"].as_array().unwrap())
    {
        let digest = layer["digest"].as_str().unwrap().replacen(':', "/", 1);
        let mut bytes = Vec::new();
        GzDecoder::new(std::fs::File::open(folder.path().join("blobs").join(digest)).unwrap())
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(diff_id, &layout::digest(&bytes));
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(
                (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()),
                (0, 0, commit().time)
            );
            found.push((entry.path().unwrap().display().to_string(), header.mode().unwrap()));
        }
    }
    let wanted = [
        ("etc/", 0o755),
        ("etc/ssl/", 0o755),
        ("etc/ssl/certs/", 0o755),
        ("etc/ssl/certs/ca-certificates.crt", 0o644),
        ("tagger", 0o755),
    ];
    assert_eq!(found, wanted.map(|(name, mode)| (name.to_owned(), mode)));
}

#[test]
fn the_same_is_made_twice_in_folder_and_archive_and_what_is_no_layout_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["one", "other"] {
        let (layout, _) = image(&[Platform::Amd64]);
        layout.write(&at(name)).unwrap();
        layout.pack(&at(&format!("{name}.tar"))).unwrap();
    }
    let read = |name: &str| std::fs::read(at(name)).unwrap();
    assert_eq!(read("one/index.json"), read("other/index.json"));
    assert_eq!(read("one.tar"), read("other.tar"));
    std::fs::write(at("one/blobs/rest"), "of another image").unwrap();
    image(&[Platform::Amd64]).0.write(&at("one")).unwrap();
    assert!(!at("one/blobs/rest").exists());
    let error = image(&[Platform::Amd64]).0.write(folder.path()).unwrap_err().to_string();
    assert!(error.contains("no image layout"), "{error}");
    assert!(at("one.tar").exists());
}

#[test]
fn the_authorities_are_certificates() {
    let pem = String::from_utf8(authorities::pem()).unwrap();
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
    assert!(reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap().len() > 100);
    assert!(pem.lines().all(|line| line.len() <= 64));
}

#[test]
fn a_program_is_for_a_platform_that_is_wanted() {
    let both = [Platform::Amd64, Platform::Arm64];
    assert_eq!(super::given(&["x".into()], &[Platform::Arm64]).unwrap()[&Platform::Arm64], Path::new("x"));
    assert_eq!(super::given(&["linux/arm64=a=b".into()], &both).unwrap()[&Platform::Arm64], Path::new("a=b"));
    for (binary, platforms) in
        [("x", &both[..]), ("linux/arm64=x", &both[..1]), ("windows/amd64=x", &both[..])]
    {
        super::given(&[binary.into()], platforms).unwrap_err();
    }
}

const TREE: &str = "\
0 tagger v0.1.0 (/somewhere)|Apache-2.0
1 anyhow v1.0.1|MIT OR Apache-2.0
1 serde v1.0.2|MIT/Apache-2.0
2 serde_core v1.0.2|MIT OR Apache-2.0
1 tagger-core v0.1.0 (/somewhere)|Apache-2.0
2 serde v1.0.2|MIT/Apache-2.0 (*)
";

#[test]
fn the_bill_names_each_crate_and_is_one_that_others_read() {
    let mut parts = Parts::default();
    parts.read(TREE).unwrap();
    let lock = "[[package]]\nname = \"serde\"\nversion = \"1.0.2\"\nchecksum = \"9f2d9b0b1c7b9fba9b2ae1bd3ea4d6b0a6c4cf8b3a0cd1df2b96ff6a1d9b1ab3\"\n\n[[package]]\nname = \"tagger\"\nversion = \"0.1.0\"\n";
    let bill = written(&parts, &checksums(lock).unwrap(), &commit()).unwrap();
    let names: Vec<&str> =
        bill["components"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["anyhow", "serde", "serde_core", "tagger-core"]);
    assert_eq!(bill["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
    assert_eq!(bill["components"][1]["hashes"][0]["alg"], "SHA-256");
    assert_eq!(bill["dependencies"][4], json!({ "ref": "tagger-core@0.1.0", "dependsOn": ["serde@1.0.2"] }));
    assert!(!bill.to_string().contains("/somewhere"));
    is_valid(&bill);
    parts.read("what is this").unwrap_err();
}

#[test]
fn the_bill_of_this_program_has_what_it_stands_on() {
    let bill = bill::bill(&[Platform::Amd64], &commit()).unwrap();
    is_valid(&bill);
    let names: Vec<&str> =
        bill["components"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    for name in ["tagger-controller", "kube-client", "rustls", "aws-lc-sys", "tokio"] {
        assert!(names.contains(&name), "{name}");
    }
    for name in ["tagger-testkit", "rstest", "clap_mangen", "serde_derive"] {
        assert!(!names.contains(&name), "{name}");
    }
}

/// Holds a document against OWASP's own reading of it.
fn is_valid(bill: &Value) {
    let read = Bom::parse_from_json_v1_5(bill.to_string().as_bytes()).unwrap();
    let result = read.validate();
    assert!(result.passed(), "{:?}", result.errors().collect::<Vec<_>>());
}

#[tokio::test]
async fn it_is_pushed_with_its_bill_by_what_everybody_has_and_by_ourselves_and_keeps_its_digest() {
    let assets = Assets::obtain().await.unwrap();
    let registry = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (layout, index) = image(&[Platform::Amd64, Platform::Arm64]);
    let digest = index["digest"].as_str().unwrap();
    let tag = layout::bill_tag(digest);
    let (place, archive) = (folder.path().join("layout"), folder.path().join("image.tar"));
    layout.write(&place).unwrap();
    layout.pack(&archive).unwrap();

    let skopeo = Skopeo::obtain().await.unwrap();
    for (from, repository) in [
        (format!("oci:{}", place.display()), "folder"),
        (format!("oci-archive:{}", archive.display()), "archive"),
    ] {
        for name in [VERSION, &tag] {
            let (from, to) =
                (format!("{from}:{name}"), format!("docker://{}/{repository}:{name}", registry.address()));
            let words =
                ["copy", "--quiet", "--all", "--preserve-digests", "--dest-tls-verify=false", &from, &to];
            let output = skopeo.command(&words).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let settings = Settings { insecure: vec![registry.address().parse().unwrap()], ..Settings::default() };
    let client = Client::new(settings, Anonymous).unwrap();
    for name in [VERSION, &tag] {
        let choice = Choice { name: Some(name.to_owned()), ..Choice::default() };
        let image = Arc::new(OnDisk::open(&place, &choice).await.unwrap());
        let to = Destination {
            registry: registry.address().parse().unwrap(),
            repository: "ours".parse().unwrap(),
            tags: vec![name.parse().unwrap()],
        };
        client.push(&image, &to, None).await.unwrap();
    }
    for repository in ["folder", "archive", "ours"] {
        assert_eq!(
            registry.target().digest(repository, VERSION).await.unwrap().as_deref(),
            Some(digest),
            "{repository}"
        );
        let (_, bill) = registry.target().manifest(repository, &tag).await.unwrap().unwrap();
        let bill: Value = serde_json::from_slice(&bill).unwrap();
        assert_eq!(
            (&bill["artifactType"], &bill["subject"]["digest"]),
            (&json!("application/vnd.cyclonedx+json"), &json!(digest))
        );
    }
    assert_eq!(skopeo.pull(&format!("{}/ours:{VERSION}", registry.address())).await.unwrap(), digest);
}
