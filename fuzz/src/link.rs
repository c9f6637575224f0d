//! `Link` and `Location`, as whoever answers for a registry sends them: a header a line.

use http::header::{HeaderMap, HeaderValue, LINK};
use tagger_registry::fuzzing::{next_page, redirect};
use url::Url;

use crate::assert_harmless;

/// A list goes on at its own registry or not at all; a redirect never leaves https, and bears no password.
pub fn check(input: &[u8]) {
    for from in [
        "https://registry.example.com/v2/a/tags/list?n=1000",
        "http://registry.example.com:5000/v2/a/tags/list",
    ] {
        let Ok(from) = from.parse::<Url>() else { continue };
        let values = input.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
        let headers: HeaderMap = values.map(|value| (LINK, value)).collect();
        match next_page(&from, &headers) {
            Ok(Some(next)) => {
                assert_eq!(next.origin(), from.origin(), "{next}");
                assert!(next.username().is_empty() && next.password().is_none(), "{next}");
            }
            Ok(None) => {}
            Err(fault) => assert_harmless(&fault.to_string(), 0),
        }
        if let Ok(to) = redirect(&from, &String::from_utf8_lossy(input)) {
            assert!(matches!(to.scheme(), "https") || to.scheme() == from.scheme(), "{to}");
            assert!(to.host().is_some() && to.username().is_empty() && to.password().is_none(), "{to}");
        }
    }
}
