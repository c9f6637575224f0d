//! By which ids what belongs together is known: those of the trace, where traces are made, and else ones of our own.

use std::fmt;
use std::sync::{Arc, OnceLock};

use opentelemetry::trace::TraceContextExt;
use tracing::dispatcher::WeakDispatch;
use tracing::span::{Attributes, Id};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// The ids of a span: that of the whole it belongs to, and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    trace: u128,
    span: u64,
}

/// Gives each span its ids. Clones give the same.
#[derive(Clone, Debug)]
pub(crate) struct Marks(Source);

#[derive(Clone, Debug)]
enum Source {
    /// Ids of our own, kept with the span.
    Own,
    /// Those of the trace.
    Traces(Arc<OnceLock<WeakDispatch>>),
}

impl Marks {
    /// Marks with ids of our own, or with those of traces where such are made.
    pub(super) fn new(traces: bool) -> Self {
        Self(if traces { Source::Traces(Arc::default()) } else { Source::Own })
    }

    /// The ids of a span, as far as it has any. Nobody may hold its extensions.
    pub(super) fn of<S>(&self, span: &SpanRef<'_, S>) -> Option<Ids>
    where
        S: for<'a> LookupSpan<'a>,
    {
        let Source::Traces(dispatch) = &self.0 else { return span.extensions().get::<Ids>().copied() };
        let context = tracing_opentelemetry::get_otel_context(&span.id(), &dispatch.get()?.upgrade()?)?;
        let span = context.span();
        let told = span.span_context();
        told.is_valid().then(|| Ids {
            trace: u128::from_be_bytes(told.trace_id().to_bytes()),
            span: u64::from_be_bytes(told.span_id().to_bytes()),
        })
    }
}

impl<S> Layer<S> for Marks
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        if let Source::Traces(known) = &self.0 {
            // There is one.
            let _ = known.set(dispatch.downgrade());
        }
    }

    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let (Source::Own, Some(span)) = (&self.0, context.span(id)) else { return };
        let of_parent = span.parent().and_then(|parent| Some(parent.extensions().get::<Ids>()?.trace));
        // None of them is 0, which stands for none.
        let trace = of_parent.unwrap_or_else(|| fastrand::u128(1..));
        span.extensions_mut().insert(Ids { trace, span: fastrand::u64(1..) });
    }
}

impl Ids {
    /// The id of the trace, as the W3C writes it.
    pub(super) fn trace(self) -> impl fmt::Display {
        format!("{:032x}", self.trace)
    }

    /// The id of the span, as the W3C writes it.
    pub(super) fn span(self) -> impl fmt::Display {
        format!("{:016x}", self.span)
    }
}
