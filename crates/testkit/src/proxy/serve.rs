//! Taking requests in and sending answers out.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Result, bail};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::answer::{Answer, Body, TOLD_TO, once};
use super::fault::{Answer as Answerer, Fault};
use super::forward::forward;
use super::lock;
use super::referrers::Referrers;
use super::request::{Kind, Recorded};
use super::rule::Match;
use super::token::Tokens;
use crate::target::Target;

pub(super) struct State {
    pub(super) upstream: Target,
    pub(super) address: String,
    pub(super) rules: Mutex<Vec<(Match, Fault)>>,
    pub(super) requests: Mutex<Vec<Recorded>>,
    pub(super) tokens: Mutex<Option<Tokens>>,
    pub(super) referrers: Mutex<Option<Referrers>>,
    pub(super) traffic: Arc<Traffic>,
}

impl State {
    pub(super) fn new(upstream: Target, address: String) -> Self {
        Self {
            upstream,
            address,
            rules: Mutex::default(),
            requests: Mutex::default(),
            tokens: Mutex::default(),
            referrers: Mutex::default(),
            traffic: Arc::default(),
        }
    }
}

/// How many requests are under way, and were at most.
#[derive(Default)]
pub(super) struct Traffic {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Traffic {
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(super) fn reset(&self) {
        self.most.store(self.now.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    fn enter(self: &Arc<Self>) -> Passage {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Passage(Arc::clone(self))
    }
}

/// A request under way, until its answer is sent or given up.
struct Passage(Arc<Traffic>);

impl Drop for Passage {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Serves until it is aborted, which breaks the connections too.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| handle(Arc::clone(&state), request));
            // A connection that breaks is what faults are for, and nothing to report.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Sent = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// Answers a request; an error breaks the connection.
async fn handle(state: Arc<State>, request: Request<Incoming>) -> io::Result<Sent> {
    let passage = state.traffic.enter();
    let recorded = Recorded::of(&request);
    let number = {
        let mut requests = lock(&state.requests);
        requests.push(recorded.clone());
        requests.len() - 1
    };
    let is_head = request.method() == Method::HEAD;
    let body = |incoming: Incoming| -> Body { incoming.into_data_stream().map_err(io::Error::other).boxed() };
    let answer = answer(&state, &recorded, request.map(body)).await.map_err(io::Error::other)?;
    // A reset in the meantime leaves no such entry, or one that isn't ours.
    if let Some(entry) = lock(&state.requests).get_mut(number).filter(|entry| entry.at == recorded.at) {
        entry.status = Some(answer.status.as_u16());
    }
    let mut response = Response::new(if is_head {
        Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync()
    } else {
        // A stream has no length of its own, so hyper believes the header, true or not.
        let body = answer.body.map_ok(Frame::data).inspect(move |_| {
            let _until_the_end = &passage;
        });
        StreamBody::new(body).boxed_unsync()
    });
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

async fn answer(state: &State, recorded: &Recorded, request: Request<Body>) -> Result<Answer> {
    let fault = {
        let mut rules = lock(&state.rules);
        rules.iter_mut().find_map(|(rule, fault)| rule.takes(recorded).then(|| fault.clone()))
    };
    let Some(fault) = fault else { return sound_answer(state, recorded, request).await };
    sleep(fault.delay).await;
    let sound = match &fault.answer {
        Answerer::Forward => sound_answer(state, recorded, request).await?,
        Answerer::Status(status) => Answer::empty(StatusCode::from_u16(*status)?),
        Answerer::RedirectHost(base) => {
            let mut answer = Answer::empty(StatusCode::TEMPORARY_REDIRECT);
            let place = format!("{base}{}", request.uri());
            answer.headers.insert(http::header::LOCATION, HeaderValue::try_from(place)?);
            answer
        }
        Answerer::HangUp => bail!(TOLD_TO),
        Answerer::Never => std::future::pending().await,
    };
    sound.spoilt(&fault)
}

/// The answer where nothing is to go wrong.
async fn sound_answer(state: &State, recorded: &Recorded, request: Request<Body>) -> Result<Answer> {
    if recorded.kind == Kind::Token {
        let form: Vec<Bytes> = request.into_body().try_collect().await?;
        return Ok(match lock(&state.tokens).as_mut() {
            Some(tokens) => tokens.issue(recorded, &form.concat().into()),
            None => Answer::empty(StatusCode::NOT_FOUND),
        });
    }
    let mut is_ours = false;
    if let Some(tokens) = lock(&state.tokens).as_mut() {
        is_ours = true;
        if let Some(refusal) = tokens.refuse(recorded) {
            return Ok(refusal);
        }
    }
    if recorded.kind == Kind::Referrers
        && let Some(referrers) = lock(&state.referrers).as_ref()
    {
        return Ok(referrers.list(recorded));
    }
    if recorded.kind == Kind::Manifest && recorded.method == "PUT" {
        return push_manifest(state, recorded, request, is_ours).await;
    }
    forward(&state.upstream, &state.address, request, is_ours).await
}

/// Forwards a manifest and, where the referrers API is served, tells that its subject was noted.
async fn push_manifest(
    state: &State,
    recorded: &Recorded,
    request: Request<Body>,
    is_ours: bool,
) -> Result<Answer> {
    let (parts, body) = request.into_parts();
    let manifest = body.try_collect::<Vec<Bytes>>().await?.concat();
    let request = Request::from_parts(parts, once(manifest.clone().into()));
    let mut answer = forward(&state.upstream, &state.address, request, is_ours).await?;
    if answer.status.is_success()
        && let Some(referrers) = lock(&state.referrers).as_mut()
        && let Some(subject) = referrers.learn(recorded, &manifest)
    {
        answer.headers.insert("oci-subject", HeaderValue::try_from(subject)?);
    }
    Ok(answer)
}
