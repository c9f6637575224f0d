use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use tagger_core::reference::Digest;

use super::image::Copying;
use crate::fault::Fault;
use crate::parts::Parts;
use crate::pull::Manifest;
use crate::push::NotSent;
use crate::referrers::{Entry, MAX_REFERRERS, cosign_tags};
use crate::remote::Remote;

/// How many manifests are looked at at once for what is attached to them.
const AT_ONCE: usize = 8;
/// How far what is attached to an attachment is followed: a signature on an SBOM, and one on that.
const MAX_DEPTH: usize = 3;

impl Copying {
    /// Copies what is attached to an image and to each of its platforms, where that is wanted, and says how much that was.
    pub(super) async fn attachments(&self, manifest: &Manifest, trusting: bool) -> Result<usize, NotSent> {
        if !self.referrers {
            return Ok(0);
        }
        let mut subjects = Parts::of(manifest).map_err(NotSent::Source)?.children;
        subjects.push(manifest.digest.clone());
        let mut copied = HashSet::new();
        for _ in 0..MAX_DEPTH {
            let attached =
                stream::iter(subjects.into_iter().map(|subject| self.attached_to(subject, trusting)));
            let attached: Vec<Vec<Digest>> = attached.buffer_unordered(AT_ONCE).try_collect().await?;
            subjects = attached.into_iter().flatten().filter(|new| copied.insert(new.clone())).collect();
            if copied.len() > MAX_REFERRERS {
                return Err(NotSent::Source(Fault::TooMuch { what: "referrers", limit: MAX_REFERRERS }));
            }
        }
        Ok(copied.len())
    }

    /// Copies what is attached to one manifest, and says what that was.
    async fn attached_to(&self, subject: Digest, trusting: bool) -> Result<Vec<Digest>, NotSent> {
        let entries = self.entries(&subject).await.map_err(NotSent::Source)?;
        let mut copied = Vec::new();
        for Entry { digest, .. } in &entries {
            // A list under a tag may name what was removed since.
            if self.attachment(digest, trusting).await? {
                copied.push(digest.clone());
            }
        }
        let there: Vec<Entry> = entries.into_iter().filter(|entry| copied.contains(&entry.digest)).collect();
        self.list(&subject, &there).await.map_err(NotSent::Destination)?;
        for tag in cosign_tags(&subject) {
            copied.extend(self.cosigned(&tag, trusting).await?);
        }
        Ok(copied)
    }

    async fn entries(&self, subject: &Digest) -> Result<Vec<Entry>, Fault> {
        if self.keeps_account(&self.from) != Some(false) {
            match self.from.referrers(subject).await? {
                Some(entries) => return Ok(entries),
                None => self.shared.referrers.insert(self.from.origin.clone(), false),
            }
        }
        self.from.listed_referrers(subject).await
    }

    fn keeps_account(&self, remote: &Remote) -> Option<bool> {
        self.shared.referrers.get(&remote.origin)
    }

    /// Copies one attachment; false where it is not there.
    async fn attachment(&self, digest: &Digest, trusting: bool) -> Result<bool, NotSent> {
        if self.into.digest_at(digest.as_str()).await.map_err(NotSent::Destination)?.as_ref() == Some(digest)
        {
            return Ok(true);
        }
        let Some(manifest) = self.from.manifest(digest).await.map_err(NotSent::Source)? else {
            return Ok(false);
        };
        self.image(&manifest, 0, trusting).await?;
        self.into.put(&manifest, digest.as_str()).await.map_err(NotSent::Destination)?;
        Ok(true)
    }

    /// Has the destination know what is attached to a manifest: by itself, or else by the fallback tag.
    async fn list(&self, subject: &Digest, entries: &[Entry]) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let keeps_account = match self.keeps_account(&self.into) {
            Some(known) => known,
            None => {
                let keeps_account = self.into.referrers(subject).await?.is_some();
                self.shared.referrers.insert(self.into.origin.clone(), keeps_account);
                keeps_account
            }
        };
        if keeps_account {
            return Ok(());
        }
        let key = (self.into.origin.clone(), self.into.repository.clone(), subject.clone());
        let _turn = self.shared.lists.board(key).await;
        self.into.list_referrers(subject, entries).await
    }

    /// Copies what is under a tag of cosign's, if there is such a tag.
    async fn cosigned(&self, tag: &str, trusting: bool) -> Result<Option<Digest>, NotSent> {
        let Some(digest) = self.from.digest_at(tag).await.map_err(NotSent::Source)? else { return Ok(None) };
        if self.into.digest_at(tag).await.map_err(NotSent::Destination)?.as_ref() == Some(&digest) {
            return Ok(Some(digest));
        }
        let Some(manifest) = self.from.manifest(&digest).await.map_err(NotSent::Source)? else {
            return Ok(None);
        };
        self.image(&manifest, 0, trusting).await?;
        self.into.put(&manifest, tag).await.map_err(NotSent::Destination)?;
        Ok(Some(digest))
    }
}
