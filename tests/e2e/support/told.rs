//! A world whose registry tells the operator of pushes.

use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tagger_testkit::notifier::Notifier;
use tagger_testkit::operator::installation;
use tagger_testkit::port::Port;
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tokio::sync::OnceCell;

use super::world::manifests;
use super::{Namespace, World, eventually};

/// The secret of the world's registry. It guards nothing.
pub const SECRET: &str = "of-no-value-to-anyone";

/// A world whose registry tells the operator of pushes.
pub struct Told {
    pub world: World,
    /// Somebody else who knows the secret.
    pub notifier: Notifier,
    _port: Port,
}

static SHARED: OnceCell<Told> = OnceCell::const_new();

impl Told {
    /// The world of all tests that neither stop the operator nor break its registry for others.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(async || Self::start(&[]).await).await
    }

    /// A world of one's own, with more flags for the operator.
    pub async fn start(flags: &[&str]) -> Self {
        let assets = Assets::obtain().await.unwrap();
        let control_plane = ControlPlane::start(&assets, &ControlPlaneOptions::default()).await.unwrap();
        let kubectl = control_plane.kubectl();
        kubectl.run(&installation(&control_plane, &manifests())).await.unwrap();
        let secret = format!("--from-literal=distribution={SECRET}");
        let words = ["create", "secret", "generic", "tagger-receiver", "--namespace", "tagger", &secret];
        kubectl.run(&words).await.unwrap();
        let port = Port::take().unwrap();
        let receiver = format!("http://127.0.0.1:{}", port.number());
        let options = RegistryOptions::default().notify(&format!("{receiver}/distribution"), Some(SECRET));
        let registry = Registry::start(&assets, &options).await.unwrap();
        let proxy = Proxy::start(&registry).await.unwrap();
        let address = format!("127.0.0.1:{}", port.number());
        let own = ["--insecure-registry", proxy.address(), "--receiver-address", &address];
        let operator = World::operator(&control_plane, &registry, &[&own, flags].concat()).await;
        let notifier = Notifier::new(&receiver, SECRET).unwrap();
        Self { world: World { control_plane, registry, proxy, operator }, notifier, _port: port }
    }
}

impl Namespace<'_> {
    /// Waits until the newest generation of a Tag is this one, and gives it.
    pub async fn newest(&self, tag: &str, number: i64) -> Value {
        eventually(&format!("Tag {tag} with generation {number}"), || async {
            let tag = self.get("tag", tag).await?;
            let newest = tag["status"]["references"].as_array()?.first()?.clone();
            (newest["generation"] == number).then_some(newest)
        })
        .await
    }

    /// The numbers of a Tag's generations, newest first, and the current one.
    pub async fn generations(&self, tag: &str) -> (Vec<i64>, i64) {
        let tag = self.get("tag", tag).await.unwrap();
        let known = tag["status"]["references"].as_array().cloned().unwrap_or_default();
        let numbers = known.iter().map(|known| known["generation"].as_i64().unwrap()).collect();
        (numbers, tag["status"]["generation"].as_i64().unwrap())
    }

    /// A Tag that follows `latest` of the image of the same name: it names no generation.
    pub async fn following(&self, name: &str, more: Value) -> Value {
        self.push(name, "latest", 0).await;
        let tag = self.tag(name, more);
        self.apply(&tag).await.unwrap();
        self.wait_for_generation(name, 0).await;
        tag
    }
}

/// The trigger of a generation.
pub fn trigger(generation: &Value) -> Value {
    json!(generation["trigger"])
}
