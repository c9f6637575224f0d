//! What is attached to a manifest: signatures, SBOMs, attestations (the referrers of the OCI distribution specification 1.1).

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tagger_core::reference::Digest;

use crate::fault::Fault;
use crate::hash::digest_of;
use crate::manifest::{MAX_BYTES, OCI_INDEX};
use crate::parts::entries;
use crate::pull::Manifest;
use crate::remote::Remote;
use crate::tags::MAX_PAGES;
use crate::transport::{Answer, Call, Read};

/// The most that is attached to one manifest.
pub(crate) const MAX_REFERRERS: usize = 1_000;

/// The endings of the tags under which cosign keeps what it makes for a digest, where it does not use referrers.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];

/// An entry of a list of referrers: a descriptor, as it stands, and the digest in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) digest: Digest,
    pub(crate) descriptor: Value,
}

impl Remote {
    /// What the registry itself says is attached to a manifest; none where it keeps no such account.
    pub(crate) async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Entry>>, Fault> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        let mut next = Some(self.url(&format!("referrers/{subject}"))?);
        for _ in 0..MAX_PAGES {
            let Some(url) = next.take() else { return Ok(Some(found)) };
            let call = Call { read: Read::Whole(MAX_BYTES), ..Call::new(Method::GET, url.clone()) };
            let answer = match self.call(&call).await {
                // Who may read the image is refused only what is not there.
                Err(Fault::Unauthorized { .. }) => return Ok(None),
                other => other?,
            };
            // The specification has 404 for a registry without the API; others say it in other ways, and some with a web page.
            if answer.status != StatusCode::OK || !is_index(&answer) {
                return Ok(None);
            }
            bytes += answer.body.len();
            found.extend(listed(&answer.body)?);
            if found.len() > MAX_REFERRERS || bytes > MAX_BYTES {
                break;
            }
            next = self.next_page(&url, &answer.headers)?;
        }
        Err(Fault::TooMuch { what: "referrers", limit: MAX_REFERRERS })
    }

    /// What the index under the fallback tag says is attached to a manifest.
    pub(crate) async fn listed_referrers(&self, subject: &Digest) -> Result<Vec<Entry>, Fault> {
        match self.tagged(&fallback_tag(subject)).await? {
            Some(index) => listed(&index.bytes),
            None => Ok(Vec::new()),
        }
    }

    /// Puts entries into the index under the fallback tag of their subject, beside those that are there.
    pub(crate) async fn list_referrers(&self, subject: &Digest, new: &[Entry]) -> Result<(), Fault> {
        let there = self.listed_referrers(subject).await?;
        if let Some(index) = merged(&there, new) {
            self.put(&index, &fallback_tag(subject)).await?;
        }
        Ok(())
    }
}

fn is_index(answer: &Answer) -> bool {
    let content_type = answer.headers.get(CONTENT_TYPE).and_then(|header| header.to_str().ok());
    content_type.is_some_and(|header| header.split(';').next().is_some_and(|bare| bare.trim() == OCI_INDEX))
}

/// The tag that stands in for the referrers API where a registry has none.
pub(crate) fn fallback_tag(subject: &Digest) -> String {
    // As long as a tag may be; only a sha512 is cut by it.
    subject.as_str().replacen(':', "-", 1).chars().take(128).collect()
}

/// The tags that cosign gives what it makes for a digest.
pub(crate) fn cosign_tags(subject: &Digest) -> Vec<String> {
    let stem = subject.as_str().replacen(':', "-", 1);
    COSIGN.iter().map(|ending| format!("{stem}.{ending}")).filter(|tag| tag.len() <= 128).collect()
}

fn listed(index: &Bytes) -> Result<Vec<Entry>, Fault> {
    let entries = entries(index).map_err(|_| Fault::ListInvalid)?;
    if entries.len() > MAX_REFERRERS {
        return Err(Fault::TooMuch { what: "referrers", limit: MAX_REFERRERS });
    }
    let read = |descriptor: Value| {
        let digest = descriptor.get("digest")?.as_str()?.parse().ok()?;
        Some(Entry { digest, descriptor })
    };
    entries.into_iter().map(|descriptor| read(descriptor).ok_or(Fault::ListInvalid)).collect()
}

/// The index of both; none where it would be what is there.
fn merged(there: &[Entry], new: &[Entry]) -> Option<Manifest> {
    let is_new = |entry: &&Entry| there.iter().all(|known| known.digest != entry.digest);
    let missing: Vec<&Entry> = new.iter().filter(is_new).collect();
    if missing.is_empty() {
        return None;
    }
    let manifests: Vec<&Value> = there.iter().chain(missing).map(|entry| &entry.descriptor).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    let bytes = Bytes::from(index.to_string());
    Some(Manifest { digest: digest_of(&bytes, None)?, media_type: OCI_INDEX.to_owned(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u8) -> Entry {
        let digest: Digest = format!("sha256:{number:064x}").parse().unwrap();
        let descriptor =
            json!({ "digest": digest, "size": 1, "artifactType": "a/b", "annotations": { "x": "y" } });
        Entry { digest, descriptor }
    }

    #[test]
    fn a_list_is_kept_and_added_to() {
        let index = merged(&[entry(1)], &[entry(1), entry(2)]).unwrap();
        assert_eq!(listed(&index.bytes).unwrap(), [entry(1), entry(2)]);
        assert_eq!(merged(&[entry(1), entry(2)], &[entry(2)]), None);
    }

    #[test]
    fn a_list_of_anything_else_is_refused() {
        for index in ["[]", r#"{"manifests":[{"digest":"sha256:../x"}]}"#, r#"{"manifests":[7]}"#, "<html>"] {
            assert_eq!(listed(&Bytes::from(index)), Err(Fault::ListInvalid), "{index}");
        }
        let many = vec![entry(1).descriptor; MAX_REFERRERS + 1];
        let index = Bytes::from(json!({ "manifests": many }).to_string());
        assert!(matches!(listed(&index), Err(Fault::TooMuch { .. })));
    }

    #[test]
    fn tags_that_stand_for_digests_are_tags() {
        let (sha256, sha512) = (format!("sha256:{:064x}", 1), format!("sha512:{:0128x}", 1));
        assert_eq!(fallback_tag(&sha256.parse().unwrap()), format!("sha256-{:064x}", 1));
        assert_eq!(fallback_tag(&sha512.parse().unwrap()).len(), 128);
        assert_eq!(cosign_tags(&sha256.parse().unwrap())[0], format!("sha256-{:064x}.sig", 1));
        assert_eq!(cosign_tags(&sha512.parse().unwrap()), Vec::<String>::new());
    }
}
