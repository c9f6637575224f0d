//! The log for machines: one JSON object a line.

use std::fmt;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::ids::Marks;
use super::line;

/// What every line has. A field of these names gets a line below behind it.
const OURS: [&str; 6] = ["timestamp", "level", "target", "span", "trace_id", "span_id"];

/// Writes events as JSON, with what the spans around them say, and the ids of the trace that they belong to.
pub(super) struct Json(pub(super) Marks);

impl<S> FormatEvent<S, JsonFields> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let spans = || context.event_scope().into_iter().flatten();
        let ids = spans().find_map(|span| self.0.of(&span));
        let innermost = spans().next().map(|span| span.name());
        for span in spans() {
            let extensions = span.extensions();
            let told = extensions.get::<FormattedFields<JsonFields>>();
            let told = told.and_then(|told| serde_json::from_str::<Map<String, Value>>(&told.fields).ok());
            for (name, value) in told.into_iter().flatten() {
                // What is nearer to the event says more of it.
                fields.add_unless_there(&name, value);
            }
        }
        let mut line = format!(
            r#"{{"timestamp":"{:.6}","level":"{}","target":{}"#,
            Timestamp::now(),
            metadata.level(),
            Value::from(metadata.target()),
        );
        let mut add = |name: &str, value: Value| line.push_str(&format!(",{}:{value}", Value::from(name)));
        if let Some(message) = fields.message.take() {
            add("message", message);
        }
        for (name, value) in fields.others {
            add(&name, value);
        }
        if let Some(name) = innermost {
            add("span", name.into());
        }
        if let Some(ids) = ids {
            add("trace_id", ids.trace().to_string().into());
            add("span_id", ids.span().to_string().into());
        }
        line.push('}');
        writeln!(writer, "{}", line::in_json(&line))
    }
}

/// The fields of an event, in the order in which they are told.
#[derive(Default)]
struct Fields {
    message: Option<Value>,
    others: Vec<(String, Value)>,
}

impl Fields {
    fn add_unless_there(&mut self, name: &str, value: Value) {
        let name = if OURS.contains(&name) { format!("{name}_") } else { name.to_owned() };
        if !self.others.iter().any(|(known, _)| *known == name) {
            self.others.push((name, value));
        }
    }

    fn add(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => self.message = Some(value),
            name => self.add_unless_there(name, value),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }
}
