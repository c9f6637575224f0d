//! One request: let in or not, taken in, understood, and put where it is looked at.

use std::panic::AssertUnwindSafe;

use axum::body::Body;
use futures::FutureExt;
use http::{Method, Request};
use tagger_core::reference::Registry;
use url::form_urlencoded;

use super::Inner;
use super::answer::{self, Answer};
use crate::google::Denied;
use crate::guard::{self, Admission};
use crate::intake::Sender;
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;
use crate::provider::Provider;
use crate::providers::{Heard, hear};
use crate::pushed::Pushed;
use crate::secrets::Door;

impl Inner {
    pub(super) async fn receive(
        &self,
        provider: Provider,
        secret: Option<&str>,
        request: Request<Body>,
    ) -> Answer {
        let secrets = self.secrets.borrow().clone();
        let door = secrets.door(provider, self.open.contains(&provider));
        let (parts, body) = request.into_parts();
        let signed = match guard::look(provider, door, secret, &parts.headers) {
            Admission::NotYet => return Answer::NotYet,
            Admission::Nowhere => return Answer::Nowhere,
            Admission::Refused => return Answer::Refused,
            Admission::Granted => None,
            Admission::IfSigned(signed) => Some(signed),
            Admission::IfIdentified { token, identities } => {
                match self.google.judge(token, identities).await {
                    Ok(()) => None,
                    Err(Denied::Keys(error)) => return Answer::Unable(error),
                    Err(denied) => {
                        tracing::debug!(%provider, %denied, "a notification is refused");
                        return Answer::Refused;
                    }
                }
            }
        };
        if parts.method == Method::OPTIONS && provider == Provider::EventGrid {
            return answer::consent(&parts.headers);
        }
        if parts.method != Method::POST {
            return Answer::NotPosted;
        }
        let is_known = signed.is_none() && !matches!(door, Door::Open);
        let sender = if is_known { Sender::Known } else { Sender::Stranger };
        let headers = parts.headers.clone();
        let body = match self.intake.take(sender, Request::from_parts(parts.clone(), body)).await {
            Ok(body) => body,
            Err(error) => return Answer::NotTaken(error),
        };
        if signed.is_some_and(|signed| !signed.is_of(&body.bytes)) {
            return Answer::Refused;
        }
        let heard = registry(parts.uri.query()).and_then(|registry| {
            hear(provider, &Message { headers: &headers, body: &body.bytes, registry: registry.as_ref() })
        });
        self.act(provider, heard)
    }

    fn act(&self, provider: Provider, heard: Result<Heard, Problem>) -> Answer {
        let Pushed { references, unusable } = match heard {
            Ok(Heard::Pushed(pushed)) => pushed,
            Ok(Heard::Handshake(code)) => return Answer::Handshake(code),
            Err(problem) => {
                tracing::info!(%provider, %problem, "a notification can't be used");
                return Answer::Wrong(problem);
            }
        };
        if let Some(unusable) = &unusable {
            tracing::info!(%provider, "{unusable}; the rest of the notification is used");
            self.metrics.unusable(provider, unusable.count);
        }
        let count = references.len();
        if count == 0 {
            return Answer::Nothing(unusable);
        }
        match self.queue.offer(references) {
            Ok(taken) => {
                tracing::debug!(%provider, taken.queued, taken.merged, "told of pushed tags");
                self.metrics.taken(provider, taken);
                Answer::Taken(count, unusable)
            }
            Err(full) => {
                tracing::warn!(%provider, count, "a notification is sent away: {full}");
                self.metrics.refused(provider, count);
                Answer::Full(full)
            }
        }
    }
}

/// A panic costs the request that it happened in, and no other.
pub(super) async fn contained(provider: Provider, answering: impl Future<Output = Answer>) -> Answer {
    // What a request shares with others, the queue and the counters, is changed in steps that are whole.
    AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(%provider, "reading a notification panicked; please report this");
        Answer::Broken
    })
}

/// The registry that the URL gives.
fn registry(query: Option<&str>) -> Result<Option<Registry>, Problem> {
    let query = query.unwrap_or_default().as_bytes();
    let given = form_urlencoded::parse(query).find(|(name, _)| name == "registry");
    given.map(|(_, host)| naming::registry(&host, "?registry")).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_like_others() {
        let answer = contained(Provider::Quay, async { panic!("on purpose") }).await;
        assert_eq!(answer, Answer::Broken);
        assert_eq!(contained(Provider::Quay, async { Answer::Nothing(None) }).await, Answer::Nothing(None));
    }

    #[test]
    fn the_registry_is_the_one_that_the_url_gives() {
        assert_eq!(registry(None), Ok(None));
        assert_eq!(registry(Some("x=1&registry=a.io%3A5000")), Ok(Some("a.io:5000".parse().unwrap())));
        let problem = registry(Some("registry=https://a.io")).unwrap_err().to_string();
        assert!(problem.starts_with("`?registry` must be a registry"), "{problem}");
    }
}
