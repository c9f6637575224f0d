//! What a request is answered.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use crate::google::KeysError;
use crate::intake::IntakeError;
use crate::problem::Problem;
use crate::pushed::Unusable;
use crate::queue::Full;

/// Who asks whether it may send, by the specification of CloudEvents over HTTP, and what it is answered.
const ORIGIN: &str = "webhook-request-origin";
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many tags will be looked at, and these entries not.
    Taken(usize, Option<Unusable>),
    /// It is well, and nothing of it concerns us, or can be used.
    Nothing(Option<Unusable>),
    /// The sender may send, as the code says that it asked for.
    Handshake(String),
    /// This origin may send.
    Consent(HeaderValue),
    /// The notification can't be used.
    Wrong(Problem),
    /// The sender has not shown who it is.
    Refused,
    /// There is nothing here.
    Nowhere,
    /// It must be posted.
    NotPosted,
    /// The body was not taken in.
    NotTaken(IntakeError),
    /// Too much waits.
    Full(Full),
    /// It is not known yet who may send.
    NotYet,
    /// It can't be said who the sender is.
    Unable(KeysError),
    /// It failed here.
    Broken,
}

/// The answer to whoever asks whether it may send.
pub(super) fn consent(headers: &HeaderMap) -> Answer {
    match headers.get(ORIGIN) {
        Some(origin) => Answer::Consent(origin.clone()),
        None => Answer::Wrong(Problem::Header("WebHook-Request-Origin")),
    }
}

fn line(unusable: Option<&Unusable>) -> String {
    unusable.map(|unusable| format!("{unusable}\n")).unwrap_or_default()
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Taken(..) => StatusCode::ACCEPTED,
            Self::Nothing(_) | Self::Handshake(_) | Self::Consent(_) => StatusCode::OK,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Refused => StatusCode::UNAUTHORIZED,
            Self::Nowhere => StatusCode::NOT_FOUND,
            Self::NotPosted => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotTaken(error) => error.status(),
            Self::Full(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotYet | Self::Unable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the connection stays for a further request. Only whoever was let in is given these answers; what a stranger may be
    /// given frees its place, of which there are so many and no more.
    fn keeps_connection(&self) -> bool {
        matches!(
            self,
            Self::Taken(..)
                | Self::Nothing(_)
                | Self::Handshake(_)
                | Self::Consent(_)
                | Self::Wrong(_)
                | Self::Full(_)
        )
    }

    fn text(&self) -> String {
        match self {
            Self::Taken(1, unusable) => format!("1 tag will be looked at\n{}", line(unusable.as_ref())),
            Self::Taken(count, unusable) => {
                format!("{count} tags will be looked at\n{}", line(unusable.as_ref()))
            }
            Self::Nothing(None) => "nothing in this is the push of a tag\n".to_owned(),
            Self::Nothing(unusable) => line(unusable.as_ref()),
            Self::Handshake(code) => json!({ "validationResponse": code }).to_string(),
            Self::Wrong(problem) => format!("{problem}\n"),
            Self::NotTaken(error) => format!("{error}\n"),
            Self::Full(full) => format!("{full}\n"),
            Self::NotYet => "it is not known yet who may send; send it again in a moment\n".to_owned(),
            Self::Unable(error) => format!("{error}\n"),
            Self::Consent(_) | Self::Refused | Self::Nowhere | Self::NotPosted | Self::Broken => {
                String::new()
            }
        }
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let mut response = (answer.status(), answer.text()).into_response();
        let headers = response.headers_mut();
        if !answer.keeps_connection() {
            headers.insert(CONNECTION, CLOSE);
        }
        match answer {
            Answer::Handshake(_) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            Answer::Consent(origin) => {
                headers.insert(ALLOWED_ORIGIN, origin);
                headers.insert(ALLOWED_RATE, HeaderValue::from_static("*"));
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            Answer::Refused => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Answer::NotPosted => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            Answer::Full(_) | Answer::NotYet | Answer::Unable(_) | Answer::NotTaken(IntakeError::NoRoom) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}
