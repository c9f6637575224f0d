//! The main job on real parts, told as it goes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tagger_testkit::image::Image;
use tagger_testkit::kubectl::Kubectl;
use tagger_testkit::operator::{Operator, installation};
use tagger_testkit::port::Port;
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::cargo;

/// How long any step of the story may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the registry shows when it tells of a push. It guards nothing.
const SECRET: &str = "of-no-value-to-anyone";

/// Tells the story, then stays up until Ctrl-C, or ends at once with `exit`.
pub(crate) async fn run(exit: bool) -> Result<()> {
    step("Building the operator");
    let binary = cargo::operator(false)?;
    step("Obtaining a Kubernetes control plane and a registry (built once, then kept)");
    let assets = Assets::obtain().await?;
    println!("{assets}");
    step("Starting the control plane and two registries on loopback, one far away and one to mirror into");
    let control_plane = ControlPlane::start(&assets, &ControlPlaneOptions::default()).await?;
    let port = Port::take()?;
    let receiver = format!("127.0.0.1:{}", port.number());
    let hook = format!("http://{receiver}/distribution");
    let source = Registry::start(&assets, &RegistryOptions::default().notify(&hook, Some(SECRET))).await?;
    let cache = Registry::start(&assets, &RegistryOptions::default()).await?;
    let (far, near) = (source.address(), cache.address());
    println!("Kubernetes {}, registries {far} and {near}", control_plane.version());
    step("Installing the manifests and running the operator with the rights that they give it");
    let story = Story { kubectl: control_plane.kubectl() };
    let manifests = cargo::root().join("manifests");
    let install = installation(&control_plane, &manifests);
    story.show(&install.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    println!("the far registry tells {hook} of each push, and shows a secret that Tagger knows:");
    let secret = format!("--from-literal=distribution={SECRET}");
    story.show(&["create", "secret", "generic", "tagger-receiver", "--namespace", "tagger", &secret]).await?;
    let flags =
        [["--insecure-registry", &far], ["--receiver-address", &receiver], ["--cache-registry", &near]];
    let flags: Vec<&str> = flags.into_iter().flatten().chain(["--cache-insecure"]).collect();
    let operator =
        Operator::start(&binary, &control_plane, &flags.into_iter().map(str::to_owned).collect::<Vec<_>>())
            .await?;
    println!("the operator is ready; it logs to {}", operator.log().display());

    let newer = story.tell(&source).await?;
    story.mirror(&source, &cache, &newer).await?;

    if exit {
        return Ok(());
    }
    println!("\nThe cluster stays up. In another shell:\n");
    println!("  export KUBECONFIG={}", control_plane.kubeconfig().display());
    println!("  kubectl get tags -o wide");
    println!("  kubectl describe tag myapp-devel");
    println!("  kubectl patch tag myapp-devel --type=merge -p '{{\"spec\":{{\"generation\":1}}}}'");
    println!("  kubectl explain tag.spec");
    println!(
        "  kubectl set image deployment/myapp myapp=myapp-devel   # attaches it again after another image was set"
    );
    println!("\nCtrl-C ends everything.");
    tokio::signal::ctrl_c().await.context("Ctrl-C can't be waited for")?;
    println!("\nending");
    operator.stop()
}

fn step(what: &str) {
    println!("\n== {what}");
}

struct Story {
    kubectl: Kubectl,
}

impl Story {
    /// Gives the digest of the newer image.
    async fn tell(&self, registry: &Registry) -> Result<String> {
        let here = registry.address();
        let example = |name: &str| -> Result<String> {
            let path = cargo::root().join("examples").join(name);
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            Ok(text.replace("quay.io", &here))
        };
        let push = async |seed| Image::single(seed).push(registry, "company/myapp", "latest").await;

        step("An image is pushed, and a Tag that follows it is applied: its digest becomes generation 0");
        let first = push(1).await?;
        println!("pushed {here}/company/myapp:latest, which is {}", first.digest);
        self.apply(&example("tag.yaml")?).await?;
        self.show(&["wait", "--for=condition=Ready", "--timeout=60s", "tag/myapp-devel"]).await?;
        self.show(&["get", "tags", "-o", "wide"]).await?;

        step(
            "A Deployment that is annotated image-tag: \"true\" names the Tag in place of an image, and gets the digest",
        );
        self.apply(&example("deployment.yaml")?).await?;
        self.see_image(&first.digest).await?;

        step(
            "The tag moves: another image is pushed. The registry tells of it, and it rolls out with nobody's hand",
        );
        let start = Instant::now();
        let second = push(2).await?;
        println!("pushed {here}/company/myapp:latest, which is {} now", second.digest);
        self.wait_for(DEPLOYMENT_IMAGE, &second.digest).await?;
        println!("the Deployment has it {} ms after the push began", start.elapsed().as_millis());
        self.see_image(&second.digest).await?;
        self.show(&["get", "tags", "-o", "wide"]).await?;

        step("The new image is no good: back to generation 0. No registry is asked");
        self.go_to_generation(0).await?;
        self.see_image(&first.digest).await?;
        self.show(&["rollout", "history", "deployment/myapp"]).await?;

        step(
            "Another push. What a person decided stays: generation 2 is recorded, and generation 0 is what runs",
        );
        println!("pushed {here}/company/myapp:latest, which is {} now", push(3).await?.digest);
        self.wait_for(GENERATIONS, "2 1 0").await?;
        self.show(&["get", "tag", "myapp-devel", "-o", REFERENCES]).await?;
        self.see_image(&first.digest).await?;

        step("The manifest that was applied is still what was meant: applying it again changes nothing");
        self.apply(&example("deployment.yaml")?).await?;
        self.show(&["get", "events", "--sort-by=.metadata.creationTimestamp", "-o", EVENTS]).await?;
        Ok(second.digest)
    }

    /// Has the Tag mirrored, and takes the source away.
    async fn mirror(&self, source: &Registry, cache: &Registry, newer: &str) -> Result<()> {
        let (far, near) = (source.address(), cache.address());
        step(
            "The far registry may be slow, or gone: cache: true copies every generation, whole, into a registry of your own",
        );
        self.show(&["patch", "tag", "myapp-devel", "--type=merge", "-p", r#"{"spec":{"cache":true}}"#])
            .await?;
        self.see_image(&format!("{near}/default/myapp-devel@")).await?;
        self.wait_until_mirrored(&near, 3).await?;
        self.show(&["get", "tag", "myapp-devel", "-o", REFERENCES]).await?;
        println!(
            "tags of default/myapp-devel in the cache: {}",
            cache.target().tags("default/myapp-devel").await?.join(", ")
        );

        step("Now the far registry is gone. Steps up and down, and pulls, need it no more");
        source.stop()?;
        println!("stopped {far}");
        self.go_to_generation(1).await?;
        self.see_image(&format!("{near}/default/myapp-devel@{newer}")).await?;
        let digest = cache.target().digest("default/myapp-devel", "g1").await?;
        println!("GET http://{near}/v2/default/myapp-devel/manifests/g1 is {}", digest.unwrap_or_default());
        source.start_again().await
    }

    async fn wait_until_mirrored(&self, cache: &str, generations: usize) -> Result<()> {
        let copied = |told: &str| told.matches(cache).count() == generations;
        self.wait_until(IMAGES, copied, "the generations were not mirrored").await
    }

    async fn wait_for(&self, what: Query, wanted: &str) -> Result<()> {
        self.wait_until(what, |told| told.contains(wanted), &format!("there was no {wanted}")).await
    }

    async fn wait_until(&self, what: Query, is_so: impl Fn(&str) -> bool, otherwise: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            let told = self.kubectl.run(&["get", what.object, "-o", what.path]).await?;
            if is_so(&told) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!("{otherwise} within {PATIENCE:?}: {told}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn go_to_generation(&self, number: u32) -> Result<()> {
        let patch = format!(r#"{{"spec":{{"generation":{number}}}}}"#);
        self.show(&["patch", "tag", "myapp-devel", "--type=merge", "-p", &patch]).await?;
        self.show(&["get", "tag", "myapp-devel", "-o", "wide"]).await
    }

    /// Waits until the Deployment and a Pod of it have the image, known by a part of its name, then shows both.
    async fn see_image(&self, image: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            let deployment = self.kubectl.run(&["get", "deployment", "myapp", "-o", "yaml"]).await?;
            let pods = self.kubectl.run(&["get", "pods", "-l", "app=myapp", "-o", "yaml"]).await?;
            if deployment.contains(image) && pods.contains(image) {
                break;
            }
            if start.elapsed() > PATIENCE {
                bail!("the Deployment did not get {image} within {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.show(&["get", "deployment", "myapp", "-o", DEPLOYMENT]).await?;
        self.show(&["get", "pods", "-l", "app=myapp", "--sort-by=.metadata.creationTimestamp", "-o", PODS])
            .await?;
        println!("(there is no node here, so Pods stay pending; what counts is the image they were given)");
        Ok(())
    }

    async fn apply(&self, yaml: &str) -> Result<()> {
        println!("$ kubectl apply -f - <<END\n{}\nEND", yaml.trim_end());
        print!("{}", self.kubectl.apply(yaml).await?);
        Ok(())
    }

    async fn show(&self, arguments: &[&str]) -> Result<()> {
        println!("$ kubectl {}", arguments.join(" "));
        print!("{}", self.kubectl.run(arguments).await?);
        Ok(())
    }
}

/// What is asked of an object.
#[derive(Clone, Copy)]
struct Query {
    object: &'static str,
    path: &'static str,
}

const DEPLOYMENT_IMAGE: Query =
    Query { object: "deployment/myapp", path: "jsonpath={.spec.template.spec.containers[*].image}" };
const GENERATIONS: Query =
    Query { object: "tag/myapp-devel", path: "jsonpath={.status.references[*].generation}" };
const IMAGES: Query =
    Query { object: "tag/myapp-devel", path: "jsonpath={.status.references[*].imageReference}" };

const DEPLOYMENT: &str = "custom-columns=NAME:.metadata.name,IMAGE:.spec.template.spec.containers[*].image";
const PODS: &str = "custom-columns=POD:.metadata.name,STATUS:.status.phase,IMAGE:.spec.containers[*].image";
const REFERENCES: &str = "custom-columns=NAME:.metadata.name,GENERATIONS:.status.references[*].generation,REFERENCES:.status.references[*].imageReference";
const EVENTS: &str =
    "custom-columns=OBJECT:.involvedObject.kind,NAME:.involvedObject.name,REASON:.reason,MESSAGE:.message";
