use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Response;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::connectors::Connectors;
use super::origin::Origin;
use super::patience;
use super::problem::classify;
use super::redirect::{self, MAX_REDIRECTS, RedirectProblem};
use crate::fault::Fault;
use crate::settings::Limits;

/// One request, as often as it has to be made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) accept: Option<&'static str>,
    /// `application/x-www-form-urlencoded`; holds secrets, so it is kept out of `Debug` by its type.
    pub(crate) form: Option<Form>,
    /// The most bytes of body that are taken.
    pub(crate) limit: usize,
    /// Whether redirects are followed; else they are handed back.
    pub(crate) follow: bool,
}

/// The body of a form, which can't be printed.
#[derive(Clone)]
pub(crate) struct Form(pub(crate) Bytes);

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Form([REDACTED])")
    }
}

/// What came back, read to its end within its bound. The body of anything but a success is empty: nobody reads it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Who answered, which after a redirect is somebody else.
    pub(crate) origin: Origin,
}

/// Makes requests: redirects followed by hand, failures that pass tried again, bodies bounded.
pub(crate) struct Wire {
    pub(crate) connectors: Connectors,
    pub(crate) limits: Limits,
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
            let Some(wait) = patience::wait(&fault, tries, &self.limits, left, fastrand::f64()) else {
                return Err(fault);
            };
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
            let response = self.send(call, url.clone(), &origin, authorization).await?;
            if !(call.follow && is_redirect(response.status())) {
                return answer(call, response, origin).await;
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
        origin: &Origin,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Fault> {
        let mut request = self.connectors.client(origin)?.request(call.method.clone(), url);
        if let Some(accept) = call.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(Form(form)) = &call.form {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone());
        }
        request.send().await.map_err(|error| classify(&error, origin))
    }
}

/// A URL that got here is http(s) with a host.
fn origin_of(url: &Url) -> Result<Origin, Fault> {
    Origin::of(url).ok_or(Fault::RedirectRefused(RedirectProblem::NotAUrl))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

async fn answer(call: &Call, response: Response, origin: Origin) -> Result<Answer, Fault> {
    let status = response.status();
    let asked = response.headers().get(RETRY_AFTER).and_then(|header| header.to_str().ok());
    let retry_after = asked.and_then(|header| patience::retry_after(header, SystemTime::now()));
    let headers = response.headers().clone();
    let body = match status.is_success() && call.method != Method::HEAD {
        true => read(response, call.limit, &origin).await?,
        false => {
            drain(response).await;
            Bytes::new()
        }
    };
    match status.as_u16() {
        429 => Err(Fault::RateLimited { retry_after }),
        status @ (408 | 500 | 502 | 503 | 504) => Err(Fault::ServerError { status, retry_after }),
        _ => Ok(Answer { status, headers, body, origin }),
    }
}

async fn read(mut response: Response, limit: usize, origin: &Origin) -> Result<Bytes, Fault> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(Fault::ManifestTooLarge { limit });
    }
    let mut body = BytesMut::with_capacity(announced as usize);
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error, origin))? {
        if body.len() + chunk.len() > limit {
            return Err(Fault::ManifestTooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads away the short body of a refusal, so that its connection can be used again; a long one costs the connection.
async fn drain(mut response: Response) {
    const SHORT: usize = 16 * 1024;
    let reading = async {
        let mut length = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            length += chunk.len();
            if length > SHORT {
                break;
            }
        }
    };
    let _ = timeout(Duration::from_millis(250), reading).await;
}
