//! Somebody who tells a receiver of pushes, as a CNCF distribution does: the truth or not.

use anyhow::{Context, Result};
use serde_json::json;

/// The type of what a CNCF distribution sends.
pub const MEDIA_TYPE: &str = "application/vnd.docker.distribution.events.v2+json";

/// Sends notifications to one receiver, with one secret.
#[derive(Clone, Debug)]
pub struct Notifier {
    client: reqwest::Client,
    url: String,
    secret: String,
}

impl Notifier {
    /// Sends to this base URL of a receiver.
    pub fn new(receiver: &str, secret: &str) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build().context("build a client")?;
        let (url, secret) = (format!("{receiver}/distribution"), secret.to_owned());
        Ok(Self { client, url, secret })
    }

    /// Tells of a push, and gives the status of the answer.
    pub async fn tell(&self, host: &str, repository: &str, tag: &str, digest: &str) -> Result<u16> {
        self.send(notification(0, host, repository, tag, digest)).await
    }

    /// Sends any body, and gives the status of the answer.
    pub async fn send(&self, body: String) -> Result<u16> {
        let request = self
            .client
            .post(&self.url)
            .header("Authorization", &self.secret)
            .header("Content-Type", MEDIA_TYPE)
            .body(body);
        let answer = request.send().await.context("send a notification")?;
        Ok(answer.status().as_u16())
    }
}

/// What a registry says of one push; the number is the notification's own.
pub fn notification(number: usize, host: &str, repository: &str, tag: &str, digest: &str) -> String {
    let target = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "size": 400,
        "length": 400,
        "digest": digest,
        "repository": repository,
        "tag": tag,
        "url": format!("http://{host}/v2/{repository}/manifests/{digest}"),
    });
    let events = json!([{
        "id": format!("00000000-0000-0000-0000-{number:012}"),
        "timestamp": "2026-01-01T00:00:00Z",
        "action": "push",
        "target": target,
        "request": { "id": "1", "addr": "127.0.0.1:1", "host": host, "method": "PUT" },
    }]);
    json!({ "events": events }).to_string()
}
