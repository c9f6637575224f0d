use std::future::ready;

use futures::{StreamExt, TryStreamExt, stream};
use tagger_core::policy::Choice;
use tagger_core::reference::{Digest, Reference, TagName};

use crate::client::Client;
use crate::error::Error;
use crate::fault::Fault;

/// How many candidates of a policy are asked for their digests at once.
const AT_ONCE: usize = 8;
/// How many candidates may be asked for one choice. More are a filter that is too wide.
const CANDIDATES: usize = 500;

/// Says why a policy chose no tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChosen {
    /// The registry could not be asked.
    #[error(transparent)]
    Registry(#[from] Error),
    /// There are tags, and none that may be chosen.
    #[error("none of its {tags} tags is one that spec.policy and spec.filterTags choose")]
    None {
        /// How many tags there are.
        tags: usize,
    },
    /// Too many tags would have to be asked for their digests.
    #[error(
        "{candidates} tags may be the sibling of {sibling}, and at most {CANDIDATES} are asked; narrow spec.filterTags"
    )]
    TooMany {
        /// The tag whose digest counts.
        sibling: TagName,
        /// How many tags pass the filter.
        candidates: usize,
    },
    /// No tag has the digest of the sibling. One may have it in a moment.
    #[error("no other tag that spec.filterTags lets pass has the digest of {sibling}, {digest}")]
    NoSibling {
        /// The tag whose digest counts.
        sibling: TagName,
        /// Its digest.
        digest: Digest,
    },
}

impl Client {
    /// The tag of a reference's repository that a policy chooses now, looked for where [`Client::resolve`] looks.
    ///
    /// It costs the list of tags; for a sibling, also a HEAD for the tag whose digest counts, and one for each candidate until
    /// it is found.
    pub async fn choose(&self, from: &Reference, choice: &Choice) -> Result<TagName, NotChosen> {
        if let Some(sibling) = choice.sibling() {
            let digest = self.digest(&from.with_tag(sibling)).await?;
            return self.choose_sibling(from, choice, &digest).await;
        }
        let tags = self.list(from).await?;
        choice.choose(tags.iter()).cloned().ok_or(NotChosen::None { tags: tags.len() })
    }

    /// The tag that a policy chooses whose sibling is known to have this digest.
    pub async fn choose_sibling(
        &self,
        from: &Reference,
        choice: &Choice,
        digest: &Digest,
    ) -> Result<TagName, NotChosen> {
        let tags = self.list(from).await?;
        let Some(sibling) = choice.sibling() else { return Err(NotChosen::None { tags: tags.len() }) };
        let candidates: Vec<TagName> = choice.candidates(tags.iter()).into_iter().cloned().collect();
        if candidates.len() > CANDIDATES {
            return Err(NotChosen::TooMany { sibling: sibling.clone(), candidates: candidates.len() });
        }
        // In the order of the candidates, whoever answers first: the same list chooses the same tag.
        let asked = stream::iter(candidates).map(|candidate| self.pointed(from, candidate)).buffered(AT_ONCE);
        let mut same = std::pin::pin!(asked.try_filter(|(_, of)| ready(of.as_ref() == Some(digest))));
        match same.try_next().await? {
            Some((chosen, _)) => Ok(chosen),
            None => Err(NotChosen::NoSibling { sibling: sibling.clone(), digest: digest.clone() }),
        }
    }

    /// What a candidate points at; nothing for one that went away since it was listed.
    async fn pointed(
        &self,
        from: &Reference,
        candidate: TagName,
    ) -> Result<(TagName, Option<Digest>), Error> {
        match self.digest(&from.with_tag(&candidate)).await {
            Ok(digest) => Ok((candidate, Some(digest))),
            Err(error) if *error.fault() == Fault::NotFound => Ok((candidate, None)),
            Err(error) => Err(error),
        }
    }
}
