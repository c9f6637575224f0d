//! Taking requests in and sending answers out.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Result, bail};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use super::answer::{Answer, Body, TOLD_TO, once};
use super::fault::{Answer as Answerer, Fault};
use super::lock;
use super::pages;
use super::referrers::Referrers;
use super::request::{Kind, Recorded};
use super::rule::Match;
use super::token::Tokens;
use super::traffic::Traffic;
use super::upstream::Upstream;
use crate::server;

pub(super) struct State {
    pub(super) upstream: Upstream,
    pub(super) address: String,
    pub(super) rules: Mutex<Vec<(Match, Fault)>>,
    pub(super) requests: Mutex<Vec<Recorded>>,
    pub(super) tokens: Mutex<Option<Tokens>>,
    pub(super) referrers: Mutex<Option<Referrers>>,
    pub(super) tags_page: Mutex<Option<usize>>,
    pub(super) traffic: Arc<Traffic>,
    /// Told something whenever what is held may go on.
    pub(super) releases: watch::Sender<()>,
}

impl State {
    pub(super) fn new(upstream: Upstream, address: String) -> Self {
        Self {
            upstream,
            address,
            rules: Mutex::default(),
            requests: Mutex::default(),
            tokens: Mutex::default(),
            referrers: Mutex::default(),
            tags_page: Mutex::default(),
            traffic: Arc::default(),
            releases: watch::Sender::default(),
        }
    }

    /// Notes something about a request. A reset in the meantime leaves no such entry, or one that
    /// isn't that request's.
    fn note(&self, (number, at): (usize, Instant), note: impl FnOnce(&mut Recorded)) {
        if let Some(entry) = lock(&self.requests).get_mut(number).filter(|entry| entry.at == at) {
            note(entry);
        }
    }
}

/// Serves until it is aborted, which breaks the connections too.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    server::serve(listener, move |request| handle(Arc::clone(&state), request)).await;
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
    let entry = (number, recorded.at);
    let counting = Arc::clone(&state);
    let body = |incoming: Incoming| -> Body {
        let pieces = incoming.into_data_stream().map_err(io::Error::other);
        pieces
            .inspect_ok(move |piece| counting.note(entry, |request| request.received += size(piece)))
            .boxed()
    };
    let answer = answer(&state, &recorded, request.map(body)).await.map_err(io::Error::other)?;
    state.note(entry, |request| request.status = Some(answer.status.as_u16()));
    let mut response = Response::new(if is_head {
        Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync()
    } else {
        // A stream has no length of its own, so hyper believes the header, true or not.
        let body = answer.body.inspect_ok(move |piece| {
            let _until_the_end = &passage;
            state.note(entry, |request| request.sent += size(piece));
        });
        StreamBody::new(body.map_ok(Frame::data)).boxed_unsync()
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
    if fault.is_held {
        let _ = state.releases.subscribe().changed().await;
    }
    let sound = match &fault.answer {
        Answerer::Forward => sound_answer(state, recorded, fault.onward.spoil(request)?).await?,
        Answerer::Status(status) => {
            tokio::spawn(swallow(request));
            Answer::empty(StatusCode::from_u16(*status)?)
        }
        Answerer::RedirectHost(base) => {
            let mut answer = Answer::empty(StatusCode::TEMPORARY_REDIRECT);
            let place = format!("{base}{}", request.uri());
            answer.headers.insert(http::header::LOCATION, HeaderValue::try_from(place)?);
            tokio::spawn(swallow(request));
            answer
        }
        Answerer::HangUp => bail!(TOLD_TO),
        Answerer::Never => std::future::pending().await,
    };
    if fault.is_lost {
        bail!(TOLD_TO);
    }
    sound.spoilt(&fault, recorded)
}

/// Takes in a body that nobody wants, until its end: a server that closes on one who is still
/// sending takes its own answer back, now and then.
async fn swallow(request: Request<Body>) {
    let mut body = request.into_body();
    while let Ok(Some(_)) = body.try_next().await {}
}

fn size(piece: &Bytes) -> u64 {
    piece.len() as u64
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
    let tags_page = *lock(&state.tags_page);
    if let Some(most) = tags_page.filter(|_| recorded.kind == Kind::Tags) {
        let whole = state.upstream.answer(&state.address, request, is_ours).await?;
        return pages::page(whole, recorded, most).await;
    }
    if recorded.kind == Kind::Manifest && recorded.method == "PUT" {
        return push_manifest(state, recorded, request, is_ours).await;
    }
    state.upstream.answer(&state.address, request, is_ours).await
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
    let mut answer = state.upstream.answer(&state.address, request, is_ours).await?;
    if answer.status.is_success()
        && let Some(referrers) = lock(&state.referrers).as_mut()
        && let Some(subject) = referrers.learn(recorded, &manifest)
    {
        answer.headers.insert("oci-subject", HeaderValue::try_from(subject)?);
    }
    Ok(answer)
}
