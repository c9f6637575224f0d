use std::io::Write;
use std::sync::{Arc, Mutex};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use rstest::rstest;
use serde_json::Value;

use super::*;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged at this level while this is done.
fn logged(format: LogFormat, level: &str, traces: bool, done: impl FnOnce()) -> Vec<String> {
    let kept = Kept::default();
    let writer = kept.clone();
    let provider = SdkTracerProvider::builder().build();
    let tracer = traces.then(|| provider.tracer("tagger"));
    let subscriber = subscriber(format, level, tracer, move || writer.clone(), false).unwrap();
    tracing::subscriber::with_default(subscriber, done);
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn objects(level: &str, traces: bool, done: impl FnOnce()) -> Vec<Value> {
    let lines = logged(LogFormat::Json, level, traces, done);
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[rstest]
fn lines_of_one_unit_have_its_ids_and_its_fields_and_those_of_another_have_others(
    #[values(false, true)] traces: bool,
    #[values("info", "warn")] level: &str,
) {
    let lines = objects(level, traces, || {
        for name in ["a", "b"] {
            let unit = tracing::error_span!("reconcile", kind = "Tag", name);
            let _inside = unit.enter();
            tracing::warn!(reason = "NotFound", "first");
            let _part = tracing::info_span!("request", host = "quay.io").entered();
            tracing::warn!(name = "its own", "second");
        }
        tracing::warn!("outside");
    });
    assert_eq!(lines.len(), 5, "{lines:?}");
    let ids = |line: usize| (lines[line]["trace_id"].as_str(), lines[line]["span_id"].as_str());
    assert_eq!(ids(0).0, ids(1).0);
    assert_ne!(ids(0).0, ids(2).0);
    let (trace, span) = (ids(0).0.unwrap(), ids(0).1.unwrap());
    assert!(
        trace.len() == 32
            && span.len() == 16
            && trace.bytes().chain(span.bytes()).all(|b| b.is_ascii_hexdigit())
    );
    assert_eq!(
        (&lines[0]["kind"], &lines[0]["name"], &lines[0]["reason"]),
        (&"Tag".into(), &"a".into(), &"NotFound".into())
    );
    assert_eq!((&lines[3]["name"], &lines[2]["name"]), (&"its own".into(), &"b".into()));
    assert_eq!((lines[4].get("trace_id"), &lines[4]["message"]), (None, &"outside".into()));
}

#[rstest]
#[case(LogFormat::Text)]
#[case(LogFormat::Json)]
fn an_event_is_a_line_whatever_is_in_it(#[case] format: LogFormat) {
    let hostile = "a\nb\r\u{1b}[2Jc\u{9b}31m\u{2028}\u{202e}\0\u{7f}";
    let lines = logged(format, "info", false, || {
        let _unit = tracing::error_span!("unit", of = hostile).entered();
        tracing::info!(field = hostile, other = ?hostile, "message {hostile}");
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    let unfit = |c: char| c.is_control() || ['\u{2028}', '\u{202e}'].contains(&c);
    assert!(!lines[0].contains(unfit), "{lines:?}");
    if format == LogFormat::Json {
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            (line["field"].as_str(), line["of"].as_str()),
            (Some(hostile), Some(hostile)),
            "nothing is lost"
        );
    }
}

#[test]
fn what_every_line_has_is_overwritten_by_nothing() {
    let lines = objects("info", false, || tracing::info!(level = 7, trace_id = "mine", "text"));
    assert_eq!(
        (&lines[0]["level"], &lines[0]["level_"], &lines[0]["trace_id_"]),
        (&"INFO".into(), &7.into(), &"mine".into())
    );
    assert_eq!(lines[0].get("trace_id"), None);
}

#[test]
fn a_library_says_nothing_of_each_look_unless_it_is_asked_to() {
    let say = || tracing::info!(target: "kube_runtime::controller", "press any key");
    assert!(objects("info", false, say).is_empty());
    assert_eq!(objects("info,kube_runtime=info", false, say).len(), 1);
    assert_eq!(objects("debug", false, say).len(), 1);
}
