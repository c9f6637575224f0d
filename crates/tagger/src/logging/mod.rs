//! The log: on standard error, for people or for machines. And the traces, which are made from the same spans.

mod ids;
mod json;
mod line;
mod text;

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use opentelemetry_sdk::trace::SdkTracer;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{DefaultFields, JsonFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::arguments::LogFormat;
use ids::Marks;
use json::Json;
use text::Text;

/// What a library says of each object that it looks at: we say it ourselves.
const QUIET: &str = "kube_runtime::controller=warn";

/// Begins to log, and to make traces where there is somebody who makes them. A level that can't be read is an error that names the flag.
pub(crate) fn start(format: LogFormat, level: &str, tracer: Option<SdkTracer>) -> anyhow::Result<()> {
    let subscriber = subscriber(format, level, tracer, stderr, stderr().is_terminal())?;
    subscriber.try_init().map_err(|error| anyhow::anyhow!("the log can't be started: {error}"))
}

fn subscriber<W>(
    format: LogFormat,
    level: &str,
    tracer: Option<SdkTracer>,
    writer: W,
    has_colours: bool,
) -> anyhow::Result<impl Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let marks = Marks::new(tracer.is_some());
    let log = tracing_subscriber::fmt::layer().with_writer(writer);
    let log = match format {
        LogFormat::Text => log
            .with_ansi(has_colours)
            .fmt_fields(DefaultFields::new())
            .event_format(Text::new(has_colours))
            .boxed(),
        LogFormat::Json => {
            log.with_ansi(false).fmt_fields(JsonFields::new()).event_format(Json(marks.clone())).boxed()
        }
    };
    let log = log.with_filter(filter(level)?);
    let traces = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_filter(filter_fn(is_traced))
    });
    Ok(tracing_subscriber::registry().with(traces).with(marks.with_filter(filter_fn(is_traced))).with(log))
}

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    let filter = EnvFilter::try_new(level)
        .with_context(|| format!("--log-level {level}: write error, warn, info, debug or trace"))?;
    let is_loud = filter.max_level_hint().is_some_and(|most| most > LevelFilter::INFO);
    match level.contains("kube_runtime") || is_loud {
        true => Ok(filter),
        false => Ok(filter.add_directive(QUIET.parse()?)),
    }
}

/// Our own spans are what traces are made of, and what goes wrong in them is told there too, whatever is logged.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    let most = if metadata.is_span() { Level::INFO } else { Level::WARN };
    metadata.target().starts_with("tagger") && *metadata.level() <= most
}

#[cfg(test)]
mod tests;
