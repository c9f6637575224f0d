//! A collector of traces, as OpenTelemetry has them: it keeps what it is sent, or breaks in ways of its own.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::port::Port;
use crate::server;

/// How a collector answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It takes what it is sent.
    Takes,
    /// It never answers.
    Hangs,
    /// It fails.
    Fails,
}

/// A span, as far as tests want to know it.
#[derive(Clone, Debug)]
pub struct Span {
    /// What was done.
    pub name: String,
    /// What it belongs to.
    pub trace: Vec<u8>,
    /// Itself.
    pub id: Vec<u8>,
    /// The span around it; empty for none.
    pub parent: Vec<u8>,
    /// What is said of it.
    pub attributes: BTreeMap<String, String>,
    /// Who did it.
    pub service: BTreeMap<String, String>,
}

/// A running collector, on plain HTTP. It ends when it is dropped.
pub struct Collector {
    state: Arc<State>,
    server: JoinHandle<()>,
    port: Port,
}

struct State {
    manner: Manner,
    spans: Mutex<Vec<Span>>,
    requests: Mutex<usize>,
}

impl Collector {
    /// Starts a collector.
    pub async fn start(manner: Manner) -> Result<Self> {
        let port = Port::take()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).await;
        let listener = listener.context("listen for traces")?;
        let state = Arc::new(State { manner, spans: Mutex::default(), requests: Mutex::default() });
        let answering = Arc::clone(&state);
        let server = tokio::spawn(server::serve(listener, move |request| {
            let state = Arc::clone(&answering);
            async move { state.answer(request).await }
        }));
        Ok(Self { state, server, port })
    }

    /// Where it is reached: a URL without a path.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// The spans that came so far.
    pub fn spans(&self) -> Vec<Span> {
        self.state.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests came so far.
    pub fn requests(&self) -> usize {
        *self.state.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let status = match self.manner {
            Manner::Hangs => std::future::pending().await,
            Manner::Fails => StatusCode::INTERNAL_SERVER_ERROR,
            Manner::Takes if request.uri().path() != "/v1/traces" => StatusCode::NOT_FOUND,
            Manner::Takes => {
                let body = request.into_body().collect().await?.to_bytes();
                let spans = spans(ExportTraceServiceRequest::decode(body)?);
                self.spans.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
                StatusCode::OK
            }
        };
        Ok(Response::builder().status(status).body(Full::default())?)
    }
}

fn spans(sent: ExportTraceServiceRequest) -> Vec<Span> {
    let mut all = Vec::new();
    for of_service in sent.resource_spans {
        let service = attributes(of_service.resource.map(|resource| resource.attributes).unwrap_or_default());
        for span in of_service.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            all.push(Span {
                name: span.name,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
                attributes: attributes(span.attributes),
                service: service.clone(),
            });
        }
    }
    all
}

fn attributes(told: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is_so) => is_so.to_string(),
        other => format!("{other:?}"),
    };
    let told = told.into_iter().filter_map(|told| Some((told.key, text(told.value?.value?))));
    told.collect()
}
