//! A token endpoint, and the check that its tokens are brought.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use reqwest::Url;
use serde_json::json;

use super::answer::Answer;
use super::request::{Kind, Recorded};
use crate::target::Credentials;

/// Where the endpoint is.
pub(super) const PATH: &str = "/token";

const JSON: &str = "application/json";

/// How the token endpoint behaves.
#[derive(Clone, Debug, Default)]
pub struct TokenOptions {
    /// The realm to name in place of the proxy's own endpoint, for hostile or broken ones.
    pub realm: Option<String>,
    /// The user that the endpoint wants to know by basic authentication; without one, anybody.
    pub user: Option<Credentials>,
    /// The `expires_in` to tell, in seconds; without it, none is told.
    pub expires_in: Option<u64>,
    /// How many requests a token is good for, whatever it was told; without it, any number.
    pub good_for: Option<usize>,
}

/// What the token endpoint was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The method: `GET`, or `POST` for OAuth 2.
    pub method: String,
    /// The parameters, of the query and of a form.
    pub parameters: Vec<(String, String)>,
    /// The user who asked, where one was named by basic authentication.
    pub user: Option<String>,
}

impl TokenRequest {
    /// The scopes asked for, one each.
    pub fn scopes(&self) -> Vec<&str> {
        let named = self.parameters.iter().filter(|(name, _)| name == "scope");
        named.flat_map(|(_, value)| value.split_whitespace()).collect()
    }
}

struct Token {
    scopes: Vec<String>,
    left: Option<usize>,
}

pub(super) struct Tokens {
    options: TokenOptions,
    realm: String,
    issued: HashMap<String, Token>,
    count: usize,
    requests: Vec<TokenRequest>,
}

impl Tokens {
    pub(super) fn new(address: &str, options: TokenOptions) -> Self {
        let realm = options.realm.clone().unwrap_or_else(|| format!("http://{address}{PATH}"));
        Self { options, realm, issued: HashMap::new(), count: 0, requests: Vec::new() }
    }

    pub(super) fn requests(&self) -> Vec<TokenRequest> {
        self.requests.clone()
    }

    pub(super) fn expire(&mut self) {
        self.issued.clear();
    }

    /// Answers the endpoint.
    pub(super) fn issue(&mut self, request: &Recorded, form: &Bytes) -> Answer {
        let credentials = basic(&request.headers);
        let mut parameters = pairs(&request.query);
        parameters.extend(pairs(&String::from_utf8_lossy(form)));
        let asked = TokenRequest {
            method: request.method.clone(),
            parameters,
            user: credentials.as_ref().map(|(user, _)| user.clone()),
        };
        let scopes = asked.scopes().into_iter().map(str::to_owned).collect();
        self.requests.push(asked);
        let is_known = self.options.user.as_ref().is_none_or(|wanted| {
            credentials.is_some_and(|(user, password)| user == wanted.user && password == wanted.password)
        });
        if !is_known {
            return Answer::json(
                StatusCode::UNAUTHORIZED,
                JSON,
                &json!({"errors": [{"code": "UNAUTHORIZED"}]}),
            );
        }
        self.count += 1;
        let token = format!("token-{}", self.count);
        self.issued.insert(token.clone(), Token { scopes, left: self.options.good_for });
        let mut content = json!({"token": token, "access_token": token});
        if let Some(seconds) = self.options.expires_in {
            content["expires_in"] = json!(seconds);
        }
        Answer::json(StatusCode::OK, JSON, &content)
    }

    /// Gives the refusal of a request that brings no good token, or none.
    pub(super) fn refuse(&mut self, request: &Recorded) -> Option<Answer> {
        let bearer = request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let needed = needed(request);
        let token = bearer.and_then(|bearer| self.issued.get_mut(bearer));
        let is_known = token.is_some();
        if let Some(token) = token.filter(|token| token.left != Some(0))
            && needed.as_ref().is_none_or(|(repository, action)| token.covers(repository, action))
        {
            token.left = token.left.map(|left| left - 1);
            return None;
        }
        let mut challenge = format!("Bearer realm=\"{}\",service=\"tagger test registry\"", self.realm);
        if let Some((repository, action)) = needed {
            let actions = if action == "pull" { "pull" } else { "pull,push" };
            challenge += &format!(",scope=\"repository:{repository}:{actions}\"");
        }
        if bearer.is_some() {
            challenge += if is_known { ",error=\"insufficient_scope\"" } else { ",error=\"invalid_token\"" };
        }
        let mut answer =
            Answer::json(StatusCode::UNAUTHORIZED, JSON, &json!({"errors": [{"code": "UNAUTHORIZED"}]}));
        if let Ok(challenge) = challenge.try_into() {
            answer.headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        Some(answer)
    }
}

impl Token {
    /// Whether one of the scopes, `repository:NAME:ACTION,...`, allows it.
    fn covers(&self, repository: &str, action: &str) -> bool {
        self.scopes.iter().any(|scope| {
            let scope = scope.strip_prefix("repository:").and_then(|scope| scope.rsplit_once(':'));
            scope.is_some_and(|(name, actions)| {
                name == repository && actions.split(',').any(|allowed| allowed == action || allowed == "*")
            })
        })
    }
}

/// The repository and action that a request needs a scope for.
fn needed(request: &Recorded) -> Option<(String, &'static str)> {
    if request.repository.is_empty() {
        return None;
    }
    let action = match (request.kind, request.method.as_str()) {
        (_, "DELETE") => "delete",
        (Kind::Upload, _) | (_, "PUT" | "POST" | "PATCH") => "push",
        _ => "pull",
    };
    Some((request.repository.clone(), action))
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Reads `a=b&c=d`, as queries and forms write parameters.
fn pairs(query: &str) -> Vec<(String, String)> {
    let Ok(mut url) = Url::parse("http://unused") else { return Vec::new() };
    url.set_query(Some(query).filter(|query| !query.is_empty()));
    url.query_pairs().into_owned().collect()
}
