//! A webhook that does the least that one who writes images can do, to compare with: what a write takes with it, it takes with any.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::api::PostParams;
use kube::{Api, Client};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tagger_testkit::authority::Authority;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// The label of the objects that it is asked about.
pub(super) const LABEL: &str = "example.org/asks-bare-webhook";

/// What it writes in the place of every image.
const IMAGE: &str =
    "registry.example/app@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A running webhook, over TLS. It ends when it is dropped.
pub(super) struct Bare {
    _server: AbortOnDropHandle<()>,
}

impl Bare {
    /// Starts it, and has the API server ask it.
    pub(super) async fn register(client: &Client) -> Result<Self> {
        let authority = Authority::new("a bare webhook")?;
        let leaf = authority.issue_server(&[])?;
        let chain = vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())?;
        let mut tls = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("https://{}/", listener.local_addr()?);
        let server = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(tls))));

        let webhook = json!({
            "name": "bare.example.org",
            "clientConfig": { "url": url, "caBundle": STANDARD.encode(authority.certificate()) },
            "rules": [{
                "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"],
                "operations": ["CREATE", "UPDATE"], "scope": "Namespaced",
            }],
            "objectSelector": { "matchExpressions": [{ "key": LABEL, "operator": "Exists" }] },
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
        });
        let configuration: MutatingWebhookConfiguration =
            serde_json::from_value(json!({ "metadata": { "name": "bare" }, "webhooks": [webhook] }))?;
        let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
        api.create(&PostParams::default(), &configuration).await.context("register a bare webhook")?;
        Ok(Self { _server: AbortOnDropHandle::new(server) })
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            let stream = TokioIo::new(acceptor.accept(stream).await?);
            let builder = Builder::new(TokioExecutor::new());
            builder.serve_connection(stream, service_fn(answer)).await.map_err(anyhow::Error::from_boxed)
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let review: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
    let mut response = Response::new(Full::from(reviewed(&review).to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The answer to a review: every image that is not the one that it writes becomes it.
fn reviewed(review: &Value) -> Value {
    let containers = review.pointer("/request/object/spec/template/spec/containers");
    let containers = containers.and_then(Value::as_array).into_iter().flatten().enumerate();
    let patch: Vec<Value> = containers
        .filter(|(_, container)| container["image"] != IMAGE)
        .map(|(number, _)| {
            let path = format!("/spec/template/spec/containers/{number}/image");
            json!({ "op": "replace", "path": path, "value": IMAGE })
        })
        .collect();
    let mut response = json!({ "uid": review["request"]["uid"], "allowed": true });
    if !patch.is_empty() {
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(STANDARD.encode(Value::from(patch).to_string()));
    }
    json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_writes_every_image_once() {
        let of = |images: &[&str]| {
            let containers: Vec<Value> = images.iter().map(|image| json!({ "image": image })).collect();
            let spec = json!({ "template": { "spec": { "containers": containers } } });
            reviewed(&json!({ "request": { "uid": "1", "object": { "spec": spec } } }))["response"].clone()
        };
        let patch = STANDARD.decode(of(&["a", IMAGE, "b"])["patch"].as_str().unwrap()).unwrap();
        let patch: Value = serde_json::from_slice(&patch).unwrap();
        let paths: Vec<&Value> = patch.as_array().unwrap().iter().map(|change| &change["path"]).collect();
        assert_eq!(
            paths,
            ["/spec/template/spec/containers/0/image", "/spec/template/spec/containers/2/image"]
        );
        assert_eq!(of(&[IMAGE]), json!({ "uid": "1", "allowed": true }));
    }
}
