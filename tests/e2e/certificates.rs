//! A certificate of one's own, from a folder that is swapped as Kubernetes swaps a mounted Secret.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use reqwest::{Certificate, Client};
use serde::Deserialize;
use serde_json::{Value, json};
use tagger_certificates::mounted;
use tagger_testkit::assets::Assets;
use tagger_testkit::authority::Authority;
use tagger_testkit::control_plane::ControlPlane;
use tagger_testkit::mount::Mount;
use tagger_testkit::proxy::Proxy;
use tagger_testkit::scratch::Scratch;
use tokio::sync::watch;

use crate::support::{Namespace, World, eventually, run};

/// The first of the registration's webhooks.
async fn registration(control_plane: &ControlPlane) -> Option<Value> {
    let words = ["get", "mutatingwebhookconfiguration", "tagger", "-o", "json"];
    let registration: Value = serde_json::from_str(&control_plane.kubectl().run(&words).await.ok()?).ok()?;
    Some(registration["webhooks"][0]["clientConfig"].clone())
}

/// Whether whoever trusts this authority alone takes the webhook for what it is.
async fn is_trusted(url: &str, authority: &Authority) -> bool {
    let authority = Certificate::from_pem(authority.certificate().as_bytes()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([authority]).timeout(Duration::from_secs(5));
    client.build().unwrap().get(url).send().await.is_ok()
}

/// Has a Deployment admitted, over and over, until told to end; says how often. None may be refused, nor be let in as it is.
async fn write(here: &Namespace<'_>, image: &str, end: watch::Receiver<bool>) -> u32 {
    let deployment = here.deployment("rehearsed", "app");
    let mut writes = 0;
    while !*end.borrow() {
        // A rehearsal goes through admission as a write does.
        let told =
            here.with_input(&["create", "--dry-run=server", "-o", "json", "-f", "-"], &deployment).await;
        let admitted: Value = serde_json::from_str(&told.unwrap()).unwrap();
        assert_eq!(admitted["spec"]["template"]["spec"]["containers"][0]["image"], image, "write {writes}");
        writes += 1;
    }
    writes
}

#[test]
fn authority_and_certificate_of_ones_own_are_replaced_under_writes_and_none_fails() {
    run(async {
        let [first, second, third] = [(); 3].map(|()| Authority::new("of one's own").unwrap());
        let mut mount = Mount::empty().unwrap();
        mount.issue(&first, &[]).unwrap();
        let world = World::start(&["--admission-certificate", &mount.path().display().to_string()]).await;
        let here = Namespace::new(&world, "own-certificate").await;
        let image = here.ready_tag("app").await;
        here.apply(&here.deployment("app", "app")).await.unwrap();
        assert_eq!(here.image_of("deployment", "app").await.unwrap(), image, "it is rewritten");
        let secrets =
            world.control_plane.kubectl().run(&["get", "secrets", "-n", "tagger", "-o", "name"]).await;
        assert!(!secrets.unwrap().contains("tagger-certificates"), "nothing of our own is made");

        let url = registration(&world.control_plane).await.unwrap()["url"].as_str().unwrap().to_owned();
        let (end, ended) = watch::channel(false);
        let replacing = async {
            // With the bundle of the third, the API server connects anew, and meets a certificate of the second.
            for authority in [&second, &third] {
                mount.issue(authority, &[]).unwrap();
                let what = "the new certificate";
                eventually(what, || async { is_trusted(&url, authority).await.then_some(()) }).await;
            }
            end.send_replace(true);
        };
        let (writes, ()) = tokio::join!(write(&here, &image, ended), replacing);
        assert!(writes > 0);
        assert!(!is_trusted(&url, &first).await, "the first one is served no more");
    });
}

#[test]
fn it_waits_for_a_certificate_of_ones_own_and_an_event_says_so() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, registry) = World::without_operator(&assets).await;
        let mut mount = Mount::empty().unwrap();
        let folder = mount.path().display().to_string();
        let flags = ["--admission-certificate", folder.as_str(), "--instance", "tagger-0"];
        let heal = async {
            let kubectl = control_plane.kubectl();
            let words = ["get", "events", "-n", "tagger", "-o", "json"];
            let event = eventually("an Event", || async {
                let list: Value = serde_json::from_str(&kubectl.run(&words).await.ok()?).ok()?;
                let mut events = list["items"].as_array()?.iter();
                events.find(|event| event["reason"] == "CertificateFailed").cloned()
            })
            .await;
            assert_eq!(
                (&event["involvedObject"]["kind"], &event["involvedObject"]["name"]),
                (&json!("Pod"), &json!("tagger-0"))
            );
            let note = event["message"].as_str().unwrap();
            assert!(note.contains("there is no tls.crt; mount a Secret"), "{note}");
            let config = registration(&control_plane).await;
            assert!(
                config.is_none_or(|config| config.is_null()),
                "nobody is sent to a webhook that can't answer"
            );
            mount.issue(&Authority::new("of one's own").unwrap(), &[]).unwrap();
        };
        // The operator is given back once it is ready.
        let (operator, ()) = tokio::join!(World::operator(&control_plane, &registry, &flags), heal);
        let proxy = Proxy::start(&registry).await.unwrap();
        let world = World { control_plane, registry, proxy, operator };
        let here = Namespace::new(&world, "late-certificate").await;
        let image = here.ready_tag("app").await;
        here.apply(&here.deployment("app", "app")).await.unwrap();
        assert_eq!(here.image_of("deployment", "app").await.unwrap(), image);
    });
}

/// The commands of certs/README.md, which are its blocks of the kind `sh`.
fn commands() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../certs/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("\n```sh\n").skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_commands_by_which_a_person_makes_one_make_one_that_is_served() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, _registry) = World::without_operator(&assets).await;
        let [folder, programs, read] = [(); 3].map(|()| Scratch::on_disk().unwrap());
        std::os::unix::fs::symlink(&assets.kubectl, programs.path().join("kubectl")).unwrap();
        let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
        let [authority, certificate] = commands().try_into().unwrap();
        let names = ["tagger-admission.tagger.svc".to_owned()];
        let mut before = None;
        // The second one is for the first time, and to renew.
        for commands in [&authority, &certificate, &certificate] {
            let mut shell = tokio::process::Command::new("bash");
            shell.args(["-euo", "pipefail", "-c", commands]).current_dir(folder.path());
            shell.env("PATH", &path).env("KUBECONFIG", control_plane.kubeconfig());
            let output = shell.output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            if commands == &authority {
                continue;
            }
            let words = ["get", "secret", "tagger-admission", "-n", "tagger", "-o", "json"];
            let secret = control_plane.kubectl().run(&words).await.unwrap();
            let secret: Secret = serde_json::from_str(&secret).unwrap();
            assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
            for (name, bytes) in secret.data.unwrap() {
                std::fs::write(read.path().join(name), bytes.0).unwrap();
            }
            let leaf = mounted::read(read.path(), &names, jiff::Timestamp::now()).unwrap();
            assert!(leaf.issuer.contains("BEGIN CERTIFICATE"));
            assert_ne!(before.replace(leaf.certified.cert.clone()), Some(leaf.certified.cert.clone()));
        }
    });
}

#[test]
fn the_example_for_cert_manager_is_for_the_name_that_is_asked_by_and_no_key_is_in_the_tree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../certs");
    let example = std::fs::read_to_string(folder.join("cert-manager.yaml")).unwrap();
    let objects = serde_yaml_ng::Deserializer::from_str(&example);
    let objects: Vec<Value> = objects.map(|object| Value::deserialize(object).unwrap()).collect();
    let last = objects.last().unwrap();
    assert_eq!(last["spec"]["dnsNames"], json!(["tagger-admission.tagger.svc"]));
    assert_eq!(
        (&last["spec"]["secretName"], &last["metadata"]["namespace"]),
        (&json!("tagger-admission"), &json!("tagger"))
    );
    let git = std::process::Command::new("git")
        .args(["grep", "-lE", "BEGIN ([A-Z]+ )?PRIVATE KEY"])
        .current_dir(folder.join(".."))
        .output()
        .unwrap();
    let found = String::from_utf8(git.stdout).unwrap();
    let keys: Vec<&str> = found.lines().filter(|file| !file.ends_with(".rs")).collect();
    assert!(keys.is_empty(), "{keys:?}");
}
