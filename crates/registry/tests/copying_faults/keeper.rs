//! A destination that keeps what came of a piece whose connection broke, and says how much that is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::StreamExt;
use tagger_testkit::manifest::digest;
use tagger_testkit::target::Target;
use tokio::net::TcpListener;

#[derive(Default)]
pub struct Kept {
    pub blobs: HashMap<String, Vec<u8>>,
    pub manifests: HashMap<String, Vec<u8>>,
    pub sessions: HashMap<String, Vec<u8>>,
    pub begun: usize,
    /// The bytes of each piece that came.
    pub pieces: Vec<usize>,
    /// How many bytes of a piece are kept at most, though its connection does not break.
    pub at_most: Option<usize>,
    /// How large it says that a piece must be.
    pub least: Option<usize>,
}

#[derive(Clone, Default)]
pub struct Keeper(Arc<Mutex<Kept>>);

impl Keeper {
    /// Starts one, and gives its place.
    pub async fn start(kept: Kept) -> (Self, Target) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let keeper = Self(Arc::new(Mutex::new(kept)));
        let router = Router::new().fallback(handle).with_state(keeper.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (keeper, Target::new(&base, None, None).unwrap())
    }

    pub fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }
}

async fn handle(State(keeper): State<Keeper>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    let (place, name) = path.rsplit_once('/').unwrap();
    match (parts.method.as_str(), place.rsplit('/').next().unwrap()) {
        ("GET" | "HEAD", "manifests") => stored(keeper.kept().manifests.get(name)),
        ("GET" | "HEAD", "blobs") => stored(keeper.kept().blobs.get(name)),
        ("PUT", "manifests") => {
            let bytes = axum::body::to_bytes(body, 1 << 22).await.unwrap().to_vec();
            let mut kept = keeper.kept();
            for name in [name.to_owned(), digest(&bytes)] {
                kept.manifests.insert(name, bytes.clone());
            }
            status(201)
        }
        ("POST", "uploads") => {
            let mut kept = keeper.kept();
            kept.begun += 1;
            let session = kept.begun.to_string();
            kept.sessions.insert(session.clone(), Vec::new());
            let answer = at(&path, &session, 202, 0);
            match kept.least {
                Some(least) => with(answer, "oci-chunk-min-length", &least.to_string()),
                None => answer,
            }
        }
        ("GET", "uploads") => match keeper.kept().sessions.get(name) {
            Some(session) => at(&path, name, 204, session.len()),
            None => status(404),
        },
        ("PATCH", "uploads") => {
            let range = parts.headers.get("content-range").unwrap().to_str().unwrap();
            let start: usize = range.split_once('-').unwrap().0.parse().unwrap();
            let (at_most, had) = {
                let kept = keeper.kept();
                (kept.at_most.unwrap_or(usize::MAX), kept.sessions.get(name).map(Vec::len))
            };
            let Some(had) = had else { return status(404) };
            if start != had {
                return at(&path, name, 416, had);
            }
            let came = take_in(&keeper, name, body, at_most).await;
            keeper.kept().pieces.push(came);
            at(&path, name, 202, keeper.kept().sessions[name].len())
        }
        ("PUT", "uploads") => {
            take_in(&keeper, name, body, usize::MAX).await;
            let mut kept = keeper.kept();
            let Some(bytes) = kept.sessions.remove(name) else { return status(404) };
            let digest = digest(&bytes);
            if !query.replace("%3A", ":").contains(&digest) {
                return status(400);
            }
            kept.blobs.insert(digest, bytes);
            status(201)
        }
        _ => status(404),
    }
}

/// Keeps each piece of a body as it comes, whether or not there is an end to it.
async fn take_in(keeper: &Keeper, session: &str, body: Body, at_most: usize) -> usize {
    let (mut pieces, mut came) = (body.into_data_stream(), 0);
    while let Some(Ok(piece)) = pieces.next().await {
        let room = at_most.saturating_sub(came).min(piece.len());
        came += piece.len();
        if let Some(session) = keeper.kept().sessions.get_mut(session) {
            session.extend_from_slice(&piece[..room]);
        }
    }
    came
}

fn stored(bytes: Option<&Vec<u8>>) -> Response {
    let Some(bytes) = bytes else { return status(404) };
    let mut answer = Response::new(Body::from(bytes.clone()));
    let types = ("content-type", "application/vnd.oci.image.manifest.v1+json");
    answer.headers_mut().insert(types.0, types.1.parse().unwrap());
    with(answer, "docker-content-digest", &digest(bytes))
}

/// An answer about an upload session that has so many bytes.
fn at(path: &str, session: &str, code: u16, bytes: usize) -> Response {
    let (folder, _) = path.split_once("/uploads/").unwrap();
    let answer = with(status(code), "location", &format!("{folder}/uploads/{session}"));
    with(answer, "range", &format!("0-{}", bytes.saturating_sub(1)))
}

fn status(status: u16) -> Response {
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(Body::empty()).unwrap()
}

fn with(mut answer: Response, name: &'static str, value: &str) -> Response {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}
