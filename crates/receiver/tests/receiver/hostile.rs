//! Bytes from anywhere: no parser panics, and what comes out of one is well formed.

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::Value;
use tagger_core::reference::Reference;
use tagger_receiver::providers::{Heard, MOST, hear};
use tagger_receiver::{Message, Provider, Pushed};

use crate::support::push;

/// Whether it can be logged as it is.
fn is_harmless(told: &str) -> bool {
    told.len() < 400 && !told.chars().any(char::is_control)
}

fn hear_all(headers: &HeaderMap, body: &[u8]) {
    let registry = "a.io".parse().unwrap();
    for (provider, registry) in
        Provider::ALL.iter().flat_map(|provider| [(provider, None), (provider, Some(&registry))])
    {
        match hear(*provider, &Message { headers, body, registry }) {
            Ok(Heard::Pushed(Pushed { references, unusable })) => {
                assert!(references.len() <= MOST);
                assert!(unusable.iter().all(|unusable| is_harmless(&unusable.to_string())));
                for reference in references {
                    assert!(
                        reference.registry().is_some()
                            && reference.tag().is_some()
                            && reference.digest().is_none()
                    );
                    assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
                }
            }
            Ok(Heard::Handshake(code)) => assert!(code.len() <= 256),
            Err(problem) => {
                assert!(is_harmless(&problem.to_string()), "{problem:?}");
            }
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,20}",
        "[a-z0-9./:@_-]{0,30}",
        Just("push".to_owned()),
        Just("v1\n".to_owned()),
        Just("INSERT".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Puts something else in one place of a document.
fn damaged(mut document: Value, place: usize, other: Value) -> Value {
    fn places(value: &Value, path: String, all: &mut Vec<String>) {
        all.push(path.clone());
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| places(value, format!("{path}/{key}"), all))
            }
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(key, value)| places(value, format!("{path}/{key}"), all))
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    places(&document, String::new(), &mut all);
    *document.pointer_mut(&all[place % all.len()]).unwrap() = other;
    document
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let mut headers = HeaderMap::new();
        if header {
            for (name, value) in [("ce-type", "zotregistry.image.updated"), ("x-github-event", "package")] {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        hear_all(&headers, &body);
    }

    #[test]
    fn no_damage_to_what_is_right_panics(provider in prop::sample::select(Provider::ALL.to_vec()), place in any::<usize>(), other in any_json()) {
        let mut headers = HeaderMap::new();
        headers.insert("x-github-event", HeaderValue::from_static("package"));
        hear_all(&headers, damaged(push(provider, "v1"), place, other).to_string().as_bytes());
    }
}

#[test]
fn a_deep_document_is_refused_and_no_more() {
    for (open, close) in [("[", "]"), ("{\"data\":", "}"), ("{\"events\":[", "]}")] {
        let body = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        hear_all(&HeaderMap::new(), body.as_bytes());
    }
}
