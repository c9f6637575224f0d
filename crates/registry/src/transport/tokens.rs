use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Method, StatusCode};
use moka::Expiry;
use moka::future::Cache;
use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio::time::Instant;
use url::form_urlencoded::Serializer;

use super::answer::Answer;
use super::call::{Call, Form, Payload, Read};
use super::origin::Origin;
use super::realm;
use super::scope::Scope;
use super::wire::Wire;
use crate::fault::Fault;
use crate::keychain::{Credential, CredentialId, CredentialKind};

/// The most bytes of a token server's answer.
const MAX_ANSWER: usize = 1024 * 1024;
/// The most bytes of tokens that are kept.
const MAX_KEPT: u64 = 8 * 1024 * 1024;
/// How long a token lives where its server does not say, by the token specification.
const DEFAULT_LIFE: u64 = 60;

/// Says why a token server's answer is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// The status is neither success nor refusal.
    #[error("it answers HTTP {0}")]
    Status(u16),
    /// The answer is too long.
    #[error("its answer has more than 1 MiB")]
    TooLarge,
    /// The answer is no JSON object with `token` or `access_token`.
    #[error("its answer has no token in it")]
    NoToken,
    /// The token has characters that no header may have.
    #[error("its token has characters that no header may have")]
    Characters,
}

/// Whose token it is, and for what: never shared between credentials, registries or repositories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) registry: Origin,
    pub(crate) scope: Scope,
    pub(crate) credential: Option<CredentialId>,
}

/// An `Authorization` header, and for how long it is good.
#[derive(Clone)]
struct Token {
    header: HeaderValue,
    life: Duration,
}

/// Why there is no token.
#[derive(Clone, Debug)]
pub(crate) enum NoToken {
    /// The credential is not let in.
    Refused(u16),
    Fault(Fault),
}

/// Keeps tokens for nine tenths of their lives, and fetches each of them once however many ask for it at a time.
pub(crate) struct Tokens(Cache<Key, Token>);

struct Life;

impl Expiry<Key, Token> for Life {
    fn expire_after_create(&self, _: &Key, token: &Token, _: StdInstant) -> Option<Duration> {
        Some(token.life)
    }
}

impl Tokens {
    pub(crate) fn new() -> Self {
        let weight = |_: &Key, token: &Token| u32::try_from(token.header.len() + 512).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MAX_KEPT).weigher(weight).expire_after(Life).build())
    }

    /// The `Authorization` header for this key, and whether it was fetched just now.
    pub(crate) async fn get(
        &self,
        key: &Key,
        fetch: impl Future<Output = Result<Answer, NoToken>>,
    ) -> Result<(HeaderValue, bool), NoToken> {
        let fetch = async { read(&fetch.await?).map_err(NoToken::Fault) };
        let entry = self.0.entry_by_ref(key).or_try_insert_with(fetch).await;
        let entry = entry.map_err(|error: Arc<NoToken>| NoToken::clone(&error))?;
        let fresh = entry.is_fresh();
        Ok((entry.into_value().header, fresh))
    }

    /// Drops a token that was refused, unless another one has taken its place already.
    pub(crate) async fn forget(&self, key: &Key, refused: &HeaderValue) {
        if self.0.get(key).await.is_some_and(|token| token.header == *refused) {
            self.0.invalidate(key).await;
        }
    }
}

/// Asks a realm for a token of this scope, by the distribution project's token specification.
pub(crate) async fn fetch(
    wire: &Wire,
    key: &Key,
    (realm, service): (&str, Option<&str>),
    credential: Option<&Credential>,
    deadline: Instant,
) -> Result<Answer, NoToken> {
    let realm =
        realm::judge(realm, &key.registry).map_err(|problem| NoToken::Fault(Fault::RealmRefused(problem)))?;
    let registry = Some(key.registry.clone());
    let mut call =
        Call { read: Read::Whole(MAX_ANSWER), follow: false, registry, ..Call::new(Method::GET, realm) };
    let mut authorization = None;
    match credential.map(Credential::kind) {
        Some(CredentialKind::IdentityToken(token)) => {
            let mut form = Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token").append_pair("client_id", "tagger");
            service.map(|service| form.append_pair("service", service));
            form.append_pair("scope", &key.scope.parts().join(" "));
            form.append_pair("refresh_token", token.expose_secret());
            (call.method, call.payload) = (Method::POST, Payload::Form(Form(form.finish().into())));
        }
        basic => {
            let mut query = call.url.query_pairs_mut();
            service.map(|service| query.append_pair("service", service));
            for part in key.scope.parts() {
                query.append_pair("scope", part);
            }
            drop(query);
            authorization = basic.and(credential).and_then(basic_header);
        }
    }
    let answer =
        wire.exchange(&call, authorization.as_ref(), deadline).await.map_err(|fault| match fault {
            Fault::ManifestTooLarge { .. } => NoToken::Fault(Fault::TokenInvalid(TokenProblem::TooLarge)),
            other => NoToken::Fault(other),
        })?;
    match answer.status {
        status if status.is_success() => Ok(answer),
        status if status.is_redirection() => {
            Err(NoToken::Fault(Fault::RealmRefused(realm::RealmProblem::Redirects)))
        }
        // 400 is what OAuth 2 says to a refresh token that is no good.
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST) => {
            Err(NoToken::Refused(status.as_u16()))
        }
        other => Err(NoToken::Fault(Fault::TokenInvalid(TokenProblem::Status(other.as_u16())))),
    }
}

/// `Basic …`; none for a credential that is no user name and password.
pub(crate) fn basic_header(credential: &Credential) -> Option<HeaderValue> {
    let CredentialKind::Basic { username, password } = credential.kind() else { return None };
    sensitive(&format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{username}:{}", password.expose_secret()))
    ))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn read(answer: &Answer) -> Result<Token, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        token: Option<String>,
        access_token: Option<String>,
        expires_in: Option<f64>,
    }
    let invalid = |problem| Fault::TokenInvalid(problem);
    let wanted: Wanted = serde_json::from_slice(&answer.body).map_err(|_| invalid(TokenProblem::NoToken))?;
    let given = |token: &String| !token.is_empty();
    let token = wanted.token.filter(given).or(wanted.access_token.filter(given));
    let token = token.ok_or(invalid(TokenProblem::NoToken))?;
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(invalid(TokenProblem::Characters));
    }
    let header = sensitive(&format!("Bearer {token}")).ok_or(invalid(TokenProblem::Characters))?;
    let seconds = wanted.expires_in.unwrap_or(DEFAULT_LIFE as f64).clamp(1.0, 86_400.0);
    Ok(Token { header, life: Duration::from_secs_f64(seconds * 0.9) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(r#"{"token":"a"}"#, Ok(("Bearer a", 54)))]
    #[case(r#"{"access_token":"a","expires_in":300}"#, Ok(("Bearer a", 270)))]
    #[case(r#"{"token":"","access_token":"b"}"#, Ok(("Bearer b", 54)))]
    #[case(r#"{"token":"a","expires_in":-5}"#, Ok(("Bearer a", 0)))]
    #[case(r#"{"token":"a","expires_in":1e300}"#, Ok(("Bearer a", 77_760)))]
    #[case(r#"{"token":"a\nX-Evil: 1"}"#, Err(TokenProblem::Characters))]
    #[case(r#"{"token":""}"#, Err(TokenProblem::NoToken))]
    #[case(r#"{}"#, Err(TokenProblem::NoToken))]
    #[case("<html>", Err(TokenProblem::NoToken))]
    fn a_token_is_read_or_refused(#[case] body: &str, #[case] token: Result<(&str, u64), TokenProblem>) {
        let origin = Origin::of(&"https://a.io/".parse().unwrap()).unwrap();
        let body = body.to_owned().into();
        let answer = Answer {
            status: StatusCode::OK,
            headers: Default::default(),
            body,
            stream: None,
            refusal: Default::default(),
            origin,
            authorization: None,
            credential: None,
            took: Duration::ZERO,
        };
        let read =
            read(&answer).map(|token| (token.header.to_str().unwrap().to_owned(), token.life.as_secs()));
        assert_eq!(read, token.map(|(header, life)| (header.to_owned(), life)).map_err(Fault::TokenInvalid));
    }
}
