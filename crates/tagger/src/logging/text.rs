//! The log for people.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{DefaultFields, Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

use super::line;

/// Writes events as lines for people.
pub(super) struct Text {
    format: Format<Full>,
    has_colours: bool,
}

impl Text {
    pub(super) fn new(has_colours: bool) -> Self {
        Self { format: Format::default().with_ansi(has_colours), has_colours }
    }
}

impl<S> FormatEvent<S, DefaultFields> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, DefaultFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.format.format_event(context, Writer::new(&mut text), event)?;
        writeln!(writer, "{}", line::in_text(text.trim_end_matches('\n'), self.has_colours))
    }
}
