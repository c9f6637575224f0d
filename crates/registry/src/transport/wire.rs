use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE, RETRY_AFTER,
};
use http::{HeaderValue, Method, StatusCode};
use reqwest::Response;
use tokio::time::{Instant, sleep, timeout};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use url::Url;

use super::answer::{Answer, Incoming, whole};
use super::call::{Call, Form, Payload, Read};
use super::connectors::Connectors;
use super::metrics::Metrics;
use super::origin::Origin;
use super::patience;
use super::problem::classify;
use super::quota::Quota;
use super::redirect::{self, MAX_REDIRECTS, RedirectProblem};
use super::refusal::Refusal;
use crate::fault::Fault;
use crate::settings::Limits;

/// Makes requests: redirects followed by hand, failures that pass tried again, bodies bounded.
pub(crate) struct Wire {
    pub(crate) connectors: Connectors,
    pub(crate) limits: Limits,
    pub(super) metrics: Metrics,
}

impl Wire {
    /// One answer that is neither a rate limit nor a passing failure of the server, or the fault that stayed.
    pub(crate) async fn exchange(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let mut tries = 0;
        loop {
            let fault = match self.once(call, authorization).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            tries += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = patience::wait(&fault, tries, &self.limits, left, fastrand::f64());
            // What a registry wants is the matter of all who use the account, and nobody keeps a place while waiting for it.
            let again = call.again && !fault.is_throttle();
            let Some(wait) = wait.filter(|_| again) else { return Err(fault) };
            tracing::debug!(
                reason = fault.reason(),
                host = call.url.host_str(),
                ?wait,
                "asking a registry again"
            );
            sleep(wait).await;
        }
    }

    async fn once(&self, call: &Call, authorization: Option<&HeaderValue>) -> Result<Answer, Fault> {
        let first = origin_of(&call.url)?;
        let (mut url, mut origin) = (call.url.clone(), first.clone());
        let mut authorization = authorization;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(call, url.clone(), (&origin, &first), authorization).await?;
            if !(call.follow && is_redirect(response.status())) {
                let read = if call.method == Method::HEAD { Read::Whole(0) } else { call.read };
                let writes = !call.method.is_safe();
                return self.answer((read, writes), response, origin, authorization).await;
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            url = redirect::follow(&url, location).map_err(Fault::RedirectRefused)?;
            origin = origin_of(&url)?;
            if origin != first {
                // Not given back either when a later redirect leads home: by then somebody else chose the path.
                authorization = None;
            }
        }
        Err(Fault::RedirectRefused(RedirectProblem::TooMany))
    }

    async fn send(
        &self,
        call: &Call,
        url: Url,
        (origin, first): (&Origin, &Origin),
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Fault> {
        let mut request = self.connectors.client(origin)?.request(call.method.clone(), url);
        if let Some(accept) = call.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if call.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", call.from));
        }
        request = match &call.payload {
            Payload::None if matches!(call.method, Method::POST | Method::PUT) => {
                request.header(CONTENT_LENGTH, 0)
            }
            Payload::None => request,
            Payload::Form(Form(form)) => {
                request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone())
            }
            Payload::Document(media_type, document) => {
                request.header(CONTENT_TYPE, media_type).body(document.clone())
            }
            Payload::Chunk(start, chunk) => {
                let end = start + chunk.len().saturating_sub(1) as u64;
                request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_RANGE, format!("{start}-{end}"))
                    .body(chunk.clone())
            }
        };
        let patience = if call.slow { self.limits.stall } else { self.limits.first_byte };
        // Counted for the registry, whoever answers for it: where it redirects to is no name that anybody here chose.
        let in_flight = self.metrics.begin(call.registry.as_ref().unwrap_or(first));
        let unit = span(&call.method, origin);
        let answered = timeout(patience, request.send()).instrument(unit.clone()).await;
        let answered = answered.map_err(|_| Fault::Timeout { host: origin.to_string() });
        let answered = answered.and_then(|answered| answered.map_err(|error| classify(&error, origin)));
        note(&unit, &answered);
        in_flight.answered(&answered);
        answered
    }

    /// Sends a body that can be sent only once, and waits for what comes of it as long as `patience` says.
    pub(crate) async fn upload(
        &self,
        url: Url,
        authorization: Option<&HeaderValue>,
        (body, length): (reqwest::Body, u64),
        patience: impl Future<Output = ()>,
    ) -> Result<Answer, Fault> {
        let origin = origin_of(&url)?;
        let mut request = self.connectors.client(&origin)?.put(url);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_LENGTH, length);
        let unit = span(&Method::PUT, &origin);
        let sending = request.body(body).send().instrument(unit.clone());
        let in_flight = self.metrics.begin(&origin);
        let response = tokio::select! {
            response = sending => response.map_err(|error| classify(&error, &origin)),
            () = patience => Err(Fault::Timeout { host: origin.to_string() }),
        };
        note(&unit, &response);
        in_flight.answered(&response);
        self.answer((Read::Whole(0), true), response?, origin, authorization).await
    }

    async fn answer(
        &self,
        (read, writes): (Read, bool),
        response: Response,
        origin: Origin,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Fault> {
        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER).and_then(|header| header.to_str().ok());
        let retry_after = asked.and_then(|header| patience::retry_after(header, SystemTime::now()));
        let headers = response.headers().clone();
        let patience = self.limits.first_byte;
        let incoming = Incoming { response, origin: origin.clone(), patience };
        let (mut body, mut stream, mut refusal) = (Bytes::new(), None, Refusal::default());
        match read {
            _ if !status.is_success() => refusal = Refusal::read(status, incoming).await,
            Read::Whole(limit) => body = whole(incoming, limit).await?,
            Read::Streamed => stream = Some(incoming),
        }
        match status.as_u16() {
            429 => {
                let told = || Quota::read(&headers, SystemTime::now())?.exhausted();
                Err(Fault::RateLimited { retry_after: retry_after.or_else(told) })
            }
            // Who only reads has met another quota.
            _ if writes && refusal.storage_full => Err(Fault::StorageFull { host: origin.to_string() }),
            status @ (408 | 500 | 502 | 503 | 504) => Err(Fault::ServerError { status, retry_after }),
            _ => Ok(Answer {
                status,
                headers,
                body,
                stream,
                refusal,
                origin,
                authorization: authorization.cloned(),
                credential: None,
                took: Duration::ZERO,
            }),
        }
    }
}

/// What is traced of a request. Nothing of its path, in which a registry may have put whatever it likes.
fn span(method: &Method, origin: &Origin) -> Span {
    tracing::info_span!("registry request", %method, host = %origin, code = Empty)
}

fn note(span: &Span, outcome: &Result<Response, Fault>) {
    match outcome {
        Ok(response) => span.record("code", response.status().as_u16()),
        Err(fault) => span.record("code", fault.reason()),
    };
}

/// A URL that got here is http(s) with a host.
fn origin_of(url: &Url) -> Result<Origin, Fault> {
    Origin::of(url).ok_or(Fault::RedirectRefused(RedirectProblem::NotAUrl))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
