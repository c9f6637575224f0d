//! Shows a registry who asks, in the way in which it wants to see it.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;

use super::access::Transport;
use super::answer::Answer;
use super::call::Call;
use super::challenge::{Scheme, choose};
use super::origin::Origin;
use super::tokens::{Key, NoToken, basic_header, fetch};
use crate::fault::Fault;
use crate::keychain::Credential;

/// What came of showing one credential.
pub(super) enum Outcome {
    Answer(Box<Answer>),
    Refused(u16),
}

impl Outcome {
    /// What the registry itself said beside its answer.
    pub(super) fn headers(&self, registry: &Origin) -> Option<&HeaderMap> {
        match self {
            Self::Answer(answer) if answer.origin == *registry => Some(&answer.headers),
            _ => None,
        }
    }
}

/// What there is to show for a credential.
struct Showing {
    header: Option<HeaderValue>,
    fresh: bool,
}

impl Transport {
    /// Sends a call in the name of one credential: with what the registry is known to want, and once more with what it
    /// then says that it wants.
    pub(super) async fn show(
        &self,
        call: &Call,
        key: &Key,
        credential: Option<&Credential>,
        deadline: Instant,
    ) -> Result<Outcome, Fault> {
        let expected = self.schemes.get(&key.registry).await;
        let shown = match &expected {
            None => Showing { header: None, fresh: false },
            Some(scheme) => match self.showing(scheme, key, credential, deadline).await {
                Ok(showing) => showing,
                Err(NoToken::Refused(status)) => return Ok(Outcome::Refused(status)),
                Err(NoToken::Fault(fault)) => return Err(fault),
            },
        };
        let answer = self.wire.exchange(call, shown.header.as_ref(), deadline).await?;
        let Some(status) = refusal(&answer) else { return Ok(Outcome::Answer(Box::new(answer))) };
        self.forget(key, &shown).await;
        // The challenge of a host that we were redirected to says nothing about the registry.
        if status != 401 || answer.origin != key.registry {
            return Ok(Outcome::Refused(status));
        }
        let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter();
        let Some(scheme) = choose(challenges.filter_map(|challenge| challenge.to_str().ok())) else {
            return Ok(Outcome::Refused(status));
        };
        if shown.fresh && expected.as_ref() == Some(&scheme) {
            return Ok(Outcome::Refused(status));
        }
        self.schemes.insert(key.registry.clone(), scheme.clone()).await;
        let again = match self.showing(&scheme, key, credential, deadline).await {
            Ok(showing) if showing.header.is_some() && showing.header != shown.header => showing,
            Ok(_) => return Ok(Outcome::Refused(status)),
            Err(NoToken::Refused(status)) => return Ok(Outcome::Refused(status)),
            Err(NoToken::Fault(fault)) => return Err(fault),
        };
        let answer = self.wire.exchange(call, again.header.as_ref(), deadline).await?;
        let Some(status) = refusal(&answer) else { return Ok(Outcome::Answer(Box::new(answer))) };
        self.forget(key, &again).await;
        Ok(Outcome::Refused(status))
    }

    /// A token that was refused is worth nothing to the next look-up either.
    async fn forget(&self, key: &Key, refused: &Showing) {
        if let Some(header) = &refused.header {
            self.tokens.forget(key, header).await;
        }
    }

    async fn showing(
        &self,
        scheme: &Scheme,
        key: &Key,
        credential: Option<&Credential>,
        deadline: Instant,
    ) -> Result<Showing, NoToken> {
        match scheme {
            Scheme::Basic => Ok(Showing { header: credential.and_then(basic_header), fresh: false }),
            Scheme::Bearer { realm, service } => {
                let fetch = fetch(&self.wire, key, (realm, service.as_deref()), credential, deadline);
                let (header, fresh) = self.tokens.get(key, fetch).await?;
                Ok(Showing { header: Some(header), fresh })
            }
        }
    }
}

/// The status, when it says that whoever asked is not let in.
fn refusal(answer: &Answer) -> Option<u16> {
    matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        .then_some(answer.status.as_u16())
}
