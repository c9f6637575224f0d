//! How a registry is asked what a Tag follows: a tag by its name, or the one that a policy chooses.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tagger_api::Tag;
use tagger_core::generation::Generation;
use tagger_core::policy::Choice;
use tagger_core::reference::{Digest, Reference, TagName};
use tagger_registry::{Client, Fault, NotChosen, Resolved, Retry};

use super::{Looking, Reply, Sight, Urgency};
use crate::credentials::{Access, Credentials};
use crate::mirrors::Failure;
use crate::tags::outcome;

/// Looks at registries, each Tag with the credentials of its namespace.
pub(crate) struct Eyes(Arc<Credentials>);

impl Eyes {
    /// Looks with these credentials.
    pub(crate) fn looking(credentials: Arc<Credentials>) -> Looking {
        let eyes = Arc::new(Self(credentials));
        Arc::new(move |tag, urgency| -> BoxFuture<'static, (Reply, Sight)> {
            let eyes = eyes.clone();
            async move { eyes.look(&tag, urgency).await }.boxed()
        })
    }

    async fn look(&self, tag: &Tag, urgency: Urgency) -> (Reply, Sight) {
        // Whoever asks has read both of them; they can't fail here.
        let (Ok(from), Ok(choice)) = (tag.spec.from.parse::<Reference>(), tag.spec.choice()) else {
            return (Reply::Unknown, Sight::Seen(Err(Failure::internal())));
        };
        let access = self.0.of(tag).await;
        if let (None, Some(why)) = (from.registry(), access.uncertainty()) {
            // A registry that refuses us for that would be passed over, and the image of the next one taken.
            return (Reply::Unknown, Sight::Seen(Err(Failure::without_secrets(&from, &why))));
        }
        // Only what a look begins with can wait: what was asked by then would be for nothing.
        let first = match urgency {
            Urgency::Urgent => access.client.clone(),
            Urgency::Patient => access.client.patient(),
        };
        let question = Question { first: &first, client: &access.client, tag, from: &from };
        let answer = match choice {
            None => question.resolve(&first, &from).await,
            Some(choice) => question.choose(&choice).await,
        };
        match answer {
            Ok(resolved) => (Reply::Answer, Sight::Seen(Ok(resolved))),
            Err(Blind::Nothing(failure)) => (Reply::Answer, Sight::Seen(Err(failure))),
            Err(Blind::NothingYet(failure)) => (Reply::Answer, Sight::NotYet(failure)),
            Err(Blind::Registry(error)) => match error.fault() {
                Fault::Deferred { left } => (Reply::Unknown, Sight::PutOff(*left)),
                fault => (reply(fault), Sight::Seen(Err(self.failure(&access, &error).await))),
            },
        }
    }

    async fn failure(&self, access: &Access, error: &tagger_registry::Error) -> Failure {
        let message = self.0.failed(access, error).await;
        Failure { message, ..Failure::of_source(error) }
    }
}

fn reply(fault: &Fault) -> Reply {
    match fault {
        Fault::Unreachable { .. } | Fault::Timeout { .. } => Reply::Silence,
        // It may have been told without a request.
        Fault::RateLimited { .. } => Reply::Unknown,
        _ => Reply::Answer,
    }
}

/// Why nothing was seen.
enum Blind {
    Registry(tagger_registry::Error),
    Nothing(Failure),
    /// It may be there in a moment.
    NothingYet(Failure),
}

impl From<tagger_registry::Error> for Blind {
    fn from(error: tagger_registry::Error) -> Self {
        Self::Registry(error)
    }
}

/// One look: who asks first and then, for whom, and where.
struct Question<'a> {
    first: &'a Client,
    client: &'a Client,
    tag: &'a Tag,
    from: &'a Reference,
}

impl Question<'_> {
    async fn resolve(&self, client: &Client, reference: &Reference) -> Result<Resolved, Blind> {
        let known = outcome::known_here(self.tag, self.from);
        Ok(client.resolve(reference, |digest| known.get(digest).cloned()).await?)
    }

    async fn choose(&self, choice: &Choice) -> Result<Resolved, Blind> {
        if let Some(sibling) = choice.sibling() {
            return self.choose_sibling(choice, sibling).await;
        }
        let chosen = self.first.choose(self.from, choice).await.map_err(|why| self.blind(why))?;
        self.resolve(self.client, &self.from.with_tag(&chosen)).await
    }

    /// The candidate that has the digest of the sibling. While that has not moved, it is the only one to be asked.
    async fn choose_sibling(&self, choice: &Choice, sibling: &TagName) -> Result<Resolved, Blind> {
        let digest = self.first.digest(&self.from.with_tag(sibling)).await?;
        if let Some(known) = self.unmoved(choice, &digest) {
            return Ok(known);
        }
        let chosen = self.client.choose_sibling(self.from, choice, &digest).await;
        let chosen = chosen.map_err(|why| self.blind(why))?;
        let resolved = self.resolve(self.client, &self.from.with_tag(&chosen)).await?;
        match resolved.digest == digest {
            true => Ok(resolved),
            false => {
                let why = format!("{chosen} moved while it was looked at as the sibling of {sibling}");
                Err(Blind::NothingYet(Failure { retry: Retry::Soon, ..self.nothing(why) }))
            }
        }
    }

    fn blind(&self, why: NotChosen) -> Blind {
        let nothing = |why: &NotChosen| self.nothing(why.to_string());
        match why {
            NotChosen::Registry(error) => Blind::Registry(error),
            NotChosen::None { .. } | NotChosen::TooMany { .. } => Blind::Nothing(nothing(&why)),
            NotChosen::NoSibling { .. } => Blind::NothingYet(Failure { retry: Retry::Soon, ..nothing(&why) }),
        }
    }

    /// What was seen here last, where it has this digest and a tag that may still be chosen.
    fn unmoved(&self, choice: &Choice, digest: &Digest) -> Option<Resolved> {
        let newest: &Generation = self.tag.status.as_ref()?.references.newest_seen()?;
        if !newest.is_from(self.from) || newest.digest().as_ref() != Some(digest) {
            return None;
        }
        let tag: TagName = newest.tag.as_ref()?.parse().ok()?;
        let may_be_chosen = Some(&tag) != choice.sibling() && choice.admits(&tag);
        let media_type = newest.media_type.clone()?;
        // Where it was found, for a name that has no registry.
        let reference = newest.origin().parse::<Reference>().ok()?.with_tag(&tag);
        may_be_chosen.then(|| Resolved { reference, digest: digest.clone(), media_type, size: None })
    }

    fn nothing(&self, why: String) -> Failure {
        Failure::nothing_chosen(self.from, &why)
    }
}
