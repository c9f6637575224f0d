//! A receiver with a secret for everybody, and requests to it.

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::body::Body;
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, Request, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tagger_receiver::provider::{Entrance, Hash};
use tagger_receiver::queue::Waiting;
use tagger_receiver::secrets::Secrets;
use tagger_receiver::{Provider, Receiver, Settings};
use tokio::sync::watch;
use tower::ServiceExt;

/// What everybody knows here.
pub const SECRET: &str = "0123456789abcdef-secret";

/// A receiver, and what is on its other sides.
pub struct Here {
    pub receiver: Receiver,
    pub waiting: Waiting,
    pub secrets: watch::Sender<Arc<Secrets>>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Here {
    /// A receiver that knows a secret for everybody.
    pub fn new(settings: Settings) -> Self {
        let entries = Provider::ALL.map(|provider| match provider.entrance() {
            Entrance::Identity => (provider.name(), "push@company.iam.gserviceaccount.com tagger"),
            _ => (provider.name(), SECRET),
        });
        Self::with(settings, &entries)
    }

    /// A receiver whose Secret has these entries.
    pub fn with(settings: Settings, entries: &[(&str, &str)]) -> Self {
        let (secrets, told) = watch::channel(Arc::new(read(entries)));
        let (receiver, waiting) = Receiver::new(settings, told).unwrap();
        Self { receiver, waiting, secrets }
    }

    pub fn change(&self, entries: &[(&str, &str)]) {
        self.secrets.send_replace(Arc::new(read(entries)));
    }

    pub async fn ask(&self, request: Request<Body>) -> Answered {
        answered(self.receiver.router(), request).await
    }

    /// All that waits.
    pub fn told(&mut self) -> Vec<String> {
        let waiting = self.waiting.next().now_or_never().flatten().unwrap_or_default();
        waiting.iter().map(ToString::to_string).collect()
    }

    pub fn metrics(&self) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        self.receiver.register(&mut registry);
        encode(&mut text, &registry).unwrap();
        text
    }
}

pub async fn answered(router: axum::Router, request: Request<Body>) -> Answered {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answered { status: parts.status, headers: parts.headers, body }
}

fn read(entries: &[(&str, &str)]) -> Secrets {
    Secrets::read(entries.iter().map(|(key, value)| (*key, value.as_bytes()))).0
}

/// A POST of a body to a path, with headers.
pub fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path);
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(body.into())
        .unwrap()
}

/// A notification of a provider with all that it must have, made with this secret.
pub fn with_secret(provider: Provider, secret: &str, body: &str) -> Request<Body> {
    let name = provider.name();
    let event = [("x-github-event", "package")];
    match provider.entrance() {
        Entrance::Path => post(&format!("/{name}/{secret}?registry=a.io"), &[], body.to_owned()),
        Entrance::Header | Entrance::Identity => {
            post(&format!("/{name}?registry=a.io"), &[("authorization", secret)], body.to_owned())
        }
        Entrance::Signature(form) => {
            let algorithm = match form.hash {
                Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                Hash::Sha256 => hmac::HMAC_SHA256,
            };
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), body.as_bytes());
            let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            let signature = (form.header, &*format!("{}{hex}", form.prefix));
            post(&format!("/{name}?registry=a.io"), &[event[0], signature], body.to_owned())
        }
    }
}

/// The push of `a.io/team/myapp:TAG`, as this provider tells it.
pub fn push(provider: Provider, tag: &str) -> Value {
    let distribution = json!({"events": [{
        "action": "push", "request": {"host": "a.io"},
        "target": {"mediaType": "application/vnd.oci.image.index.v1+json", "repository": "team/myapp", "tag": tag},
    }]});
    let azure = json!({"action": "push", "target": {"repository": "team/myapp", "tag": tag}, "request": {"host": "a.io"}});
    match provider {
        Provider::DockerHub => json!({"push_data": {"tag": tag}, "repository": {"repo_name": "team/myapp"}}),
        Provider::Quay => json!({"docker_url": "a.io/team/myapp", "updated_tags": [tag]}),
        Provider::GitHub => json!({"action": "published", "package": {
            "name": "myapp", "namespace": "team", "package_type": "CONTAINER",
            "package_version": {"container_metadata": {"tag": {"name": tag}}},
        }}),
        Provider::Harbor => json!({"type": "PUSH_ARTIFACT", "event_data": {
            "resources": [{"tag": tag, "resource_url": "a.io/team/myapp"}], "repository": {"repo_full_name": "team/myapp"},
        }}),
        Provider::Azure => azure,
        Provider::EventGrid => json!([{"eventType": "ImagePushed", "data": azure}]),
        Provider::Google => {
            use base64::Engine;
            let data = json!({"action": "INSERT", "tag": format!("a.io/team/myapp:{tag}")}).to_string();
            json!({"message": {"data": base64::engine::general_purpose::STANDARD.encode(data)}})
        }
        Provider::Amazon => json!({
            "source": "aws.ecr", "detail-type": "ECR Image Action", "account": "123456789012", "region": "eu-west-1",
            "detail": {"result": "SUCCESS", "action-type": "PUSH", "repository-name": "team/myapp", "image-tag": tag},
        }),
        Provider::JFrog => json!({
            "domain": "docker", "event_type": "pushed", "jpd_origin": "https://a.io",
            "data": {"repo_key": "docker", "image_name": "team/myapp", "tag": tag},
        }),
        Provider::Nexus => json!({
            "action": "CREATED", "repositoryName": "docker",
            "component": {"format": "docker", "name": "team/myapp", "version": tag},
        }),
        Provider::Distribution | Provider::GitLab => distribution,
        Provider::Zot => json!({
            "specversion": "1.0", "type": "zotregistry.image.updated", "source": "zot",
            "data": {"name": "team/myapp", "reference": tag},
        }),
        Provider::CloudEvents => json!({
            "specversion": "1.0", "type": "pushed", "source": "ci", "data": {"repository": "team/myapp", "tag": tag},
        }),
    }
}
