//! A registry as tests act on it directly: push, look, delete.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use reqwest::{Certificate, Client, RequestBuilder, Response, Url, redirect};
use serde_json::Value;

use crate::manifest::{Blob, Manifest, Pushed};

/// Every media type of manifests; a registry converts for those who don't ask for what it has.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, */*";

/// A user and password for basic authentication.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

/// A registry's address, with what is needed to be let in.
#[derive(Clone, Debug)]
pub struct Target {
    base: Url,
    client: Client,
    credentials: Option<Credentials>,
}

impl Target {
    /// A registry at `base`, such as `http://127.0.0.1:5000`, whose authority is `ca` (PEM).
    pub fn new(base: &str, ca: Option<&str>, credentials: Option<Credentials>) -> Result<Self> {
        let mut client =
            Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(Duration::from_secs(60));
        if let Some(ca) = ca {
            client = client.tls_certs_only([Certificate::from_pem(ca.as_bytes())?]);
        }
        let base = Url::parse(base).with_context(|| format!("{base} is not a registry's address"))?;
        Ok(Self { base, client: client.build().context("make a client for a registry")?, credentials })
    }

    /// Any server at `base`, that lets this client in.
    pub(crate) fn by(base: &str, client: Client) -> Result<Self> {
        let base = Url::parse(base).with_context(|| format!("{base} is no address"))?;
        Ok(Self { base, client, credentials: None })
    }

    /// Where the registry is.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The credentials by which the registry lets us in.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The client that trusts the registry's authority.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks whether the registry is there and lets us in.
    pub async fn ping(&self) -> Result<StatusCode> {
        Ok(self.send(self.request(Method::GET, "/v2/")?).await?.status())
    }

    /// The digest that a tag points at, or none where there is no such tag.
    pub async fn digest(&self, repository: &str, reference: &str) -> Result<Option<String>> {
        let request = self.request(Method::HEAD, &format!("/v2/{repository}/manifests/{reference}"))?;
        let answer = self.send(request.header("Accept", MANIFEST_TYPES)).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = expect(answer, &[StatusCode::OK]).await?;
        let digest = answer.headers().get("docker-content-digest").context("the registry named no digest")?;
        Ok(Some(digest.to_str()?.to_owned()))
    }

    /// The media type and bytes of a manifest, or none where there is no such manifest.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Result<Option<(String, Bytes)>> {
        let request = self.request(Method::GET, &format!("/v2/{repository}/manifests/{reference}"))?;
        let answer = self.send(request.header("Accept", MANIFEST_TYPES)).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = expect(answer, &[StatusCode::OK]).await?;
        let media_type = answer.headers().get(CONTENT_TYPE).context("the registry named no media type")?;
        Ok(Some((media_type.to_str()?.to_owned(), answer.bytes().await?)))
    }

    /// The tags of a repository, none where there is no such repository.
    pub async fn tags(&self, repository: &str) -> Result<Vec<String>> {
        let answer = self.send(self.request(Method::GET, &format!("/v2/{repository}/tags/list"))?).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        let list: Value = expect(answer, &[StatusCode::OK]).await?.json().await?;
        let tags = list["tags"].as_array().cloned().unwrap_or_default();
        Ok(tags.iter().filter_map(|tag| Some(tag.as_str()?.to_owned())).collect())
    }

    /// Whether a repository has a blob.
    pub async fn has_blob(&self, repository: &str, digest: &str) -> Result<bool> {
        let answer =
            self.send(self.request(Method::HEAD, &format!("/v2/{repository}/blobs/{digest}"))?).await?;
        Ok(expect(answer, &[StatusCode::OK, StatusCode::NOT_FOUND]).await?.status() == StatusCode::OK)
    }

    /// Deletes a manifest by its digest, and with it all tags that point at it.
    pub async fn delete(&self, repository: &str, digest: &str) -> Result<()> {
        let request = self.request(Method::DELETE, &format!("/v2/{repository}/manifests/{digest}"))?;
        expect(self.send(request).await?, &[StatusCode::ACCEPTED]).await?;
        Ok(())
    }

    /// Uploads a blob that the repository hasn't got yet.
    pub async fn push_blob(&self, repository: &str, blob: &Blob) -> Result<()> {
        if self.has_blob(repository, &blob.digest).await? {
            return Ok(());
        }
        let start = self.request(Method::POST, &format!("/v2/{repository}/blobs/uploads/"))?;
        let session = expect(self.send(start).await?, &[StatusCode::ACCEPTED]).await?;
        let location = session.headers().get(LOCATION).context("the registry began no upload")?;
        let mut place = session.url().join(location.to_str()?)?;
        place.query_pairs_mut().append_pair("digest", &blob.digest);
        let upload = self
            .authorized(self.client.put(place))
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(blob.bytes.clone());
        expect(self.send(upload).await?, &[StatusCode::CREATED]).await?;
        Ok(())
    }

    /// Uploads a manifest by itself, without what it refers to.
    pub async fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        manifest: &Manifest,
    ) -> Result<Pushed> {
        let request = self
            .request(Method::PUT, &format!("/v2/{repository}/manifests/{reference}"))?
            .header(CONTENT_TYPE, &manifest.media_type)
            .body(manifest.bytes.clone());
        expect(self.send(request).await?, &[StatusCode::CREATED]).await?;
        Ok(manifest.pushed())
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        Ok(self.authorized(self.client.request(method, self.base.join(path)?)))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            Some(Credentials { user, password }) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        request.send().await.with_context(|| format!("ask the registry at {}", self.base))
    }
}

impl AsRef<Self> for Target {
    fn as_ref(&self) -> &Self {
        self
    }
}

async fn expect(answer: Response, statuses: &[StatusCode]) -> Result<Response> {
    if statuses.contains(&answer.status()) {
        return Ok(answer);
    }
    let (status, url) = (answer.status(), answer.url().clone());
    bail!("{url} answered {status}: {}", answer.text().await.unwrap_or_default())
}
