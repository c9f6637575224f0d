//! CloudEvents over HTTP: in headers (binary), in an envelope (structured), and many envelopes in a list (batch).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;
use tagger_core::reference::Reference;

use crate::json;
use crate::message::Message;
use crate::problem::{BODY, Problem};
use crate::pushed::{Entries, Pushed};

/// An event, out of its envelope.
#[derive(Clone, Debug)]
pub(crate) struct CloudEvent<'a> {
    /// What happened, by the source's own names.
    pub(crate) kind: String,
    /// Where it happened.
    pub(crate) source: Option<String>,
    data: Cow<'a, [u8]>,
    /// Where the data is in the event.
    place: &'static str,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    source: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
}

/// Whether this is a CloudEvent, or several.
pub(crate) fn is_one(message: &Message<'_>) -> bool {
    #[derive(Deserialize)]
    struct Version {
        specversion: Option<serde::de::IgnoredAny>,
    }
    let declared = message.header(CONTENT_TYPE.as_str()).is_some_and(|kind| {
        kind.get(.."application/cloudevents".len())
            .is_some_and(|start| start.eq_ignore_ascii_case("application/cloudevents"))
    });
    let has_version = || json::object::<Version>(message.body).is_ok_and(|body| body.specversion.is_some());
    declared || message.headers.contains_key("ce-type") || has_version()
}

/// What the events that were sent tell, each of them read by `read`.
pub(crate) fn pushed<T: IntoIterator<Item = Reference>>(
    message: &Message<'_>,
    mut read: impl FnMut(&CloudEvent<'_>) -> Result<T, Problem>,
) -> Result<Pushed, Problem> {
    let mut entries = Entries::default();
    if message.headers.contains_key("ce-type") {
        let kind = message.header("ce-type").ok_or(Problem::Header("ce-type"))?.to_owned();
        let source = message.header("ce-source").map(str::to_owned);
        entries.add(read(&CloudEvent { kind, source, data: Cow::Borrowed(message.body), place: BODY }))?;
        return entries.whole();
    }
    for (place, entry) in json::entries(message.body)? {
        let event = json::object::<Envelope<'_>>(entry).and_then(Envelope::open);
        entries.add(event.and_then(|event| read(&event)).map_err(|problem| problem.under(&place)))?;
    }
    entries.whole()
}

impl<'a> Envelope<'a> {
    fn open(self) -> Result<CloudEvent<'a>, Problem> {
        let kind = self.kind.ok_or_else(|| Problem::Missing("type".to_owned()))?;
        let (data, place) = match (self.data, self.data_base64) {
            (Some(data), _) => (Cow::Borrowed(data.get().as_bytes()), "data"),
            (None, Some(text)) => {
                let wrong = |_| Problem::Wrong { field: "data_base64".to_owned(), expected: "base64" };
                (Cow::Owned(STANDARD.decode(text).map_err(wrong)?), "data_base64")
            }
            // What happened may be nothing to us, and need no data.
            (None, None) => (Cow::Borrowed(&b"{}"[..]), "data"),
        };
        Ok(CloudEvent { kind, source: self.source, data, place })
    }
}

impl CloudEvent<'_> {
    /// Reads the data, and makes of it what `read` does. Problems say where in the data they are.
    pub(crate) fn data<'d, T: Deserialize<'d>, R>(
        &'d self,
        read: impl FnOnce(T) -> Result<R, Problem>,
    ) -> Result<R, Problem> {
        json::object(&self.data).and_then(read).map_err(|problem| problem.under(self.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use rstest::rstest;

    #[derive(Deserialize)]
    struct Data {
        name: Option<String>,
    }

    fn read(
        headers: &[(&'static str, &'static str)],
        body: &str,
    ) -> Result<Vec<(String, Option<String>)>, String> {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let message = Message { headers: &headers, body: body.as_bytes(), registry: None };
        assert_eq!(is_one(&message), !body.contains("no event"));
        let mut read = Vec::new();
        let told = pushed(&message, |event| {
            read.push((event.kind.clone(), event.data(|data: Data| Ok(data.name))?));
            Ok(None)
        });
        told.map(|_| read).map_err(|problem| problem.to_string())
    }

    const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json; charset=utf-8");

    #[rstest]
    #[case::structured(&[STRUCTURED], r#"{"specversion":"1.0","type":"t","data":{"name":"x"}}"#)]
    #[case::not_declared(&[], r#"{"specversion":"1.0","type":"t","data":{"name":"x"}}"#)]
    #[case::base64(&[STRUCTURED], r#"{"specversion":"1.0","type":"t","data_base64":"eyJuYW1lIjoieCJ9"}"#)]
    #[case::binary(&[("ce-type", "t"), ("ce-specversion", "1.0")], r#"{"name":"x"}"#)]
    #[case::batch(&[("content-type", "Application/CloudEvents-batch+json")], r#"[{"type":"t","data":{"name":"x"}}]"#)]
    fn every_mode_counts(#[case] headers: &[(&'static str, &'static str)], #[case] body: &str) {
        assert_eq!(read(headers, body), Ok(vec![("t".to_owned(), Some("x".to_owned()))]));
    }

    #[test]
    fn of_a_batch_what_is_right_counts() {
        let body = r#"[{"type":1},{"type":"t","data":{"name":"x"}},2,{"data":{}}]"#;
        assert_eq!(read(&[STRUCTURED], body), Ok(vec![("t".to_owned(), Some("x".to_owned()))]));
    }

    #[rstest]
    #[case(&[STRUCTURED], r#"{"data":{}}"#, "`type` is missing")]
    #[case(&[STRUCTURED], r#"[{"type":1}]"#, "`[0].type` must be a string")]
    #[case(&[STRUCTURED], r#"[{"type":"t","data":{"name":1}}]"#, "`[0].data.name` must be a string")]
    #[case(&[STRUCTURED], r#"{"type":"t","data_base64":"?"}"#, "`data_base64` must be base64")]
    #[case(&[STRUCTURED], r#"{"type":"t","data":[]}"#, "`data` must be an object")]
    #[case(&[STRUCTURED], r#"{"type":"t","data":{"name":1}}"#, "`data.name` must be a string")]
    #[case(&[("ce-type", "t")], "no", "the body is no JSON from line 1, column 2 on")]
    #[case(&[], "no event", "the body is no JSON from line 1, column 2 on")]
    fn what_is_wrong_is_named(
        #[case] headers: &[(&'static str, &'static str)],
        #[case] body: &str,
        #[case] told: &str,
    ) {
        assert_eq!(read(headers, body), Err(told.to_owned()));
    }
}
