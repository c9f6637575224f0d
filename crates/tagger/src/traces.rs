//! Traces for an OpenTelemetry collector, in OTLP over HTTP.
//!
//! Spans are put into a queue of bounded length, and sent from a thread of its own. A collector that is away, slow or wrong costs the
//! spans that don't fit any more, and nothing else.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use tokio::runtime::Handle;

use crate::arguments::Traces as Flags;

/// How long the collector may take over one batch.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of the process waits for what is still to be sent.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often spans are sent.
const EVERY: Duration = Duration::from_secs(2);
/// How many spans may wait to be sent. One takes about a kilobyte.
const WAITING: usize = 4096;
/// The largest answer that is read.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Whoever sends the traces.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends traces where that is asked for. To be called inside of the runtime.
    pub(crate) fn start(flags: &Flags, namespace: &str, instance: &str) -> Result<Option<(Self, SdkTracer)>> {
        let Some(endpoint) = &flags.otlp_endpoint else { return Ok(None) };
        let client = reqwest::Client::builder().timeout(PATIENCE).build();
        let client =
            client.with_context(|| format!("--otlp-endpoint {endpoint}: there can be no client for it"))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client { client, runtime: Handle::current() })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.as_str())
            .with_timeout(PATIENCE)
            .build()
            .with_context(|| format!("--otlp-endpoint {endpoint}: traces can't be sent there"))?;
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(WAITING).with_scheduled_delay(EVERY).build();
        let who = [
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.namespace", namespace.to_owned()),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ];
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(flags.otlp_sample))))
            .with_resource(Resource::builder().with_service_name("tagger").with_attributes(who).build())
            .build();
        let tracer = provider.tracer("tagger");
        Ok(Some((Self(provider), tracer)))
    }

    /// Sends what is still to be sent, and no more; gives up soon where nobody takes it.
    pub(crate) async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FAREWELL)).await;
        if let Ok(Err(error)) = ended {
            tracing::debug!(%error, "the last traces could not be sent");
        }
    }
}

/// A client for the collector. Whoever sends has a thread outside of the runtime, and connections need one.
#[derive(Clone)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { send(&client, request).await }).await?
    }
}

async fn send(client: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > LARGEST_ANSWER {
            return Err("the collector's answer is too long".into());
        }
        body.extend_from_slice(&piece);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}
