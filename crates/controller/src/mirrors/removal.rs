//! How an image goes from a Tag's repository in the cache, with all that belongs to it alone.

use std::collections::HashSet;

use tagger_core::reference::{Digest, Reference, TagName};
use tagger_registry::{Client, Fault, Removal};

use super::copies::Copies;
use super::prune::attached;
use super::tidy::Problem;

/// The most manifests that are looked at for one removal. Where there are more, what may belong to them stays.
const LARGEST: usize = 10_000;

/// A repository of which images go.
pub(super) struct Pruning<'a> {
    pub(super) copies: &'a Copies,
    pub(super) client: &'a Client,
    /// All tags of the repository.
    pub(super) tags: &'a [TagName],
    /// What stays, with all that it consists of.
    pub(super) kept: &'a HashSet<Digest>,
    /// What is used anywhere: a part of an image that is in here stays, with all that it consists of.
    pub(super) used: &'a HashSet<Digest>,
}

impl Pruning<'_> {
    /// Removes a generation's tag, what that names, what that consists of, and what is attached to it.
    pub(super) async fn remove(&self, name: &TagName, digest: &Digest) -> Result<Removal, Problem> {
        let tagged = self.copies.tagged(name);
        let attachments = attached(self.tags, digest).cloned().collect::<Vec<_>>();
        let attachments = named(&attachments, self.copies, self.client).await?;
        let whole = self.family(attachments.iter().map(|(_, attached)| attached).chain([digest])).await?;
        let mut members = whole.unwrap_or_default();
        members.remove(digest);
        let used = members.intersection(self.used);
        let kept = self.family(self.kept.iter().chain(used)).await?;
        let Some(kept) = kept else { return Ok(Removal::NotThere) };
        if kept.contains(digest) {
            // It is a part of what stays, so that its tag goes alone.
            self.client.remove(&tagged).await?;
            return Ok(Removal::NotThere);
        }
        // The tag goes last: what has no tag is not found by the next try. Many registries remove it with the manifest.
        let mut done = self.client.remove(&tagged.pinned(digest)).await?;
        if done == Removal::Unsupported && self.client.remove(&tagged).await? == Removal::Removed {
            // There are registries that remove no manifest while it has a tag.
            done = self.client.remove(&tagged.pinned(digest)).await?;
        }
        if done == Removal::Unsupported {
            return Ok(done);
        }
        self.client.remove(&tagged).await?;
        for (attachment, _) in &attachments {
            self.client.remove(&self.copies.tagged(attachment)).await?;
        }
        for member in members.difference(&kept) {
            self.client.remove(&tagged.pinned(member)).await?;
        }
        Ok(done)
    }

    /// Manifests, and all manifests that these consist of; none where there are too many to be sure of.
    async fn family(
        &self,
        of: impl IntoIterator<Item = &Digest>,
    ) -> Result<Option<HashSet<Digest>>, Problem> {
        let any = self.copies.tagged(&TagName::latest());
        let mut open: Vec<Digest> = of.into_iter().cloned().collect();
        let mut seen = HashSet::new();
        while let Some(next) = open.pop() {
            if seen.len() == LARGEST {
                return Ok(None);
            }
            if seen.insert(next.clone()) {
                open.extend(self.client.children(&any.pinned(&next)).await?);
            }
        }
        Ok(Some(seen))
    }
}

/// What each of these tags names; those that are gone are left out.
pub(super) async fn named(
    tags: &[TagName],
    copies: &Copies,
    client: &Client,
) -> Result<Vec<(TagName, Digest)>, Problem> {
    let mut named = Vec::new();
    for tag in tags {
        let digest = digest_of(&copies.tagged(tag), client).await?;
        named.extend(digest.map(|digest| (tag.clone(), digest)));
    }
    Ok(named)
}

/// What a tag of the cache names, by its header: nothing is believed here but what we put there.
pub(super) async fn digest_of(tagged: &Reference, client: &Client) -> Result<Option<Digest>, Problem> {
    match client.resolve(tagged, |_| Some(String::new())).await {
        Ok(resolved) => Ok(Some(resolved.digest)),
        Err(error) if matches!(error.fault(), Fault::NotFound | Fault::Moved(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
