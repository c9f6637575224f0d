//! The readers of what registries send, opened to the fuzz targets: bytes in, and what is believed of them out.

use http::HeaderMap;
use tagger_core::reference::Digest;
use url::Url;

use crate::fault::Fault;
use crate::manifest::{ManifestProblem, media_type};
use crate::parts::Parts;
use crate::pull::Manifest;
use crate::transport::{Origin, RealmProblem, RedirectProblem, Scheme, realm, redirected, scheme};
use crate::{hash, tags};

/// What is believed of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// What it is.
    pub media_type: String,
    /// The manifests that it names.
    pub children: Vec<Digest>,
    /// The blobs that it names, and how large it says they are.
    pub blobs: Vec<(Digest, u64)>,
}

/// Reads a manifest that came with this content type.
pub fn manifest(document: &[u8], content_type: Option<&str>) -> Result<Outline, Fault> {
    let media_type = media_type(document, content_type)?;
    let digest = hash::digest_of(document, None).ok_or(ManifestProblem::Parts)?;
    let bytes = document.to_vec().into();
    let Parts { children, blobs } = Parts::of(&Manifest { digest, media_type: media_type.clone(), bytes })?;
    let blobs = blobs.into_iter().map(|blob| (blob.digest, blob.size)).collect();
    Ok(Outline { media_type, children, blobs })
}

/// Where the registry that is asked at this URL has a token fetched, by these `WWW-Authenticate` headers; none where it wants none.
pub fn token_server<'a>(
    headers: impl IntoIterator<Item = &'a str>,
    asked: &Url,
) -> Option<Result<Url, RealmProblem>> {
    match scheme(headers)? {
        Scheme::Basic => None,
        Scheme::Bearer { realm: told, .. } => Some(realm(&told, &Origin::of(asked)?)),
    }
}

/// Where a list goes on whose page was this, by the headers that came with it.
pub fn next_page(page: &Url, headers: &HeaderMap) -> Result<Option<Url>, Fault> {
    let registry = Origin::of(page).ok_or(Fault::ListInvalid)?;
    tags::next_page(&registry, page, headers)
}

/// Where a redirect leads.
pub fn redirect(from: &Url, location: &str) -> Result<Url, RedirectProblem> {
    redirected(from, Some(location))
}
