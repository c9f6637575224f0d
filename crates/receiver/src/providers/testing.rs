//! What the tests of all providers stand on.

use http::HeaderMap;
use serde_json::Value;

use super::{Heard, hear};
use crate::message::Message;
use crate::problem::Problem;
use crate::provider::Provider;
use crate::pushed::Pushed;

/// Something was sent, with all that comes along.
pub(crate) struct Sent {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) registry: Option<String>,
}

impl Sent {
    pub(crate) fn new(body: &Value) -> Self {
        Self { headers: HeaderMap::new(), body: body.to_string().into_bytes(), registry: None }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn registry(mut self, host: &str) -> Self {
        self.registry = Some(host.to_owned());
        self
    }

    pub(crate) fn heard(&self, provider: Provider) -> Result<Heard, Problem> {
        let registry = self.registry.as_ref().map(|host| host.parse().unwrap());
        hear(provider, &Message { headers: &self.headers, body: &self.body, registry: registry.as_ref() })
    }

    fn pushed(&self, provider: Provider) -> Pushed {
        match self.heard(provider).unwrap() {
            Heard::Pushed(pushed) => pushed,
            Heard::Handshake(_) => panic!("it is a notification"),
        }
    }

    pub(crate) fn told(&self, provider: Provider) -> Vec<String> {
        self.pushed(provider).references.iter().map(ToString::to_string).collect()
    }

    pub(crate) fn unusable(&self, provider: Provider) -> Option<String> {
        self.pushed(provider).unusable.map(|unusable| unusable.to_string())
    }

    pub(crate) fn problem(&self, provider: Provider) -> String {
        self.heard(provider).unwrap_err().to_string()
    }
}

pub(crate) fn told(provider: Provider, body: &Value) -> Vec<String> {
    Sent::new(body).told(provider)
}

pub(crate) fn problem(provider: Provider, body: &Value) -> String {
    Sent::new(body).problem(provider)
}
