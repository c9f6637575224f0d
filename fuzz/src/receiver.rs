//! Push notifications of every provider. The input is like a request: a line `provider registry`, lines of headers, an empty line, and the body.

use http::{HeaderMap, HeaderName, HeaderValue};
use tagger_core::reference::{Reference, Registry};
use tagger_receiver::providers::{Heard, MOST, hear};
use tagger_receiver::{Message, Provider, Pushed};

use crate::{assert_harmless, head_and_body};

/// What is heard are tags in registries, no more than a notification may tell of; what is wrong is told without what was sent.
pub fn check(input: &[u8]) {
    let (first, mut rest) = head_and_body(input);
    let (name, registry) = first.split_once(' ').unwrap_or((first, ""));
    let registry: Option<Registry> = registry.parse().ok();
    let mut headers = HeaderMap::new();
    while let (line, behind) = head_and_body(rest)
        && let Some((name, value)) = line.split_once(": ")
    {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
        rest = behind;
    }
    let (_, body) = head_and_body(rest);
    let message = Message { headers: &headers, body, registry: registry.as_ref() };
    match name.parse::<Provider>() {
        Ok(provider) => judge(provider, &message),
        Err(error) => {
            assert_harmless(&error.to_string(), name.len());
            Provider::ALL.into_iter().for_each(|provider| judge(provider, &message));
        }
    }
}

fn judge(provider: Provider, message: &Message<'_>) {
    match hear(provider, message) {
        Ok(Heard::Pushed(Pushed { references, unusable })) => {
            assert!(references.len() <= MOST);
            references.iter().for_each(|reference| is_a_tag(reference, message));
            unusable.iter().for_each(|unusable| is_ours(&unusable.to_string()));
        }
        Ok(Heard::Handshake(code)) => assert!(provider == Provider::EventGrid && code.len() <= 256),
        Err(problem) => is_ours(&problem.to_string()),
    }
}

fn is_a_tag(reference: &Reference, message: &Message<'_>) {
    assert!(reference.tag().is_some() && reference.digest().is_none() && reference.registry().is_some());
    assert_eq!(reference.to_string().parse::<Reference>().as_ref(), Ok(reference));
    if let Some(registry) = message.registry {
        assert_eq!(reference.registry(), Some(registry), "the registry of the URL counts");
    }
}

/// Our own words are short, whatever was sent.
fn is_ours(told: &str) {
    assert_harmless(told, 0);
    assert!(told.len() <= 300, "{told}");
}
