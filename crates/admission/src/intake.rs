//! A request's body, taken in within limits of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The largest body: the API server sends up to two objects of 3 MiB each.
pub const LARGEST_BODY: usize = 7 * 1024 * 1024;

/// How much memory all bodies together may take up.
const MEMORY: usize = 64 * 1024 * 1024;

/// Why a body is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The body is larger than the API server's are.
    #[error("the body is larger than {LARGEST_BODY} bytes; send a smaller object")]
    TooLarge,
    /// The sender was too slow.
    #[error("the body did not arrive in {0:?}; send it again")]
    TooSlow(Duration),
    /// Other requests take up all memory that there is for them.
    #[error("too many large requests at once; send it again in a moment")]
    NoRoom,
    /// The sender broke off.
    #[error("the body could not be read; send it again")]
    Broken,
}

impl IntakeError {
    /// The HTTP status that says so.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// Takes in bodies, and knows how much room they take up.
#[derive(Clone, Debug)]
pub struct Intake {
    room: Arc<Semaphore>,
    time: Duration,
}

/// A body, with the room that it takes up.
#[derive(Debug)]
pub struct Taken {
    /// The body.
    pub bytes: Bytes,
    room: Option<OwnedSemaphorePermit>,
}

impl Intake {
    /// An intake that gives each body this much time to arrive.
    pub fn new(time: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(MEMORY)), time }
    }

    /// Takes in a body, whole.
    pub async fn take(&self, request: http::Request<Body>) -> Result<Taken, IntakeError> {
        let told =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if told.is_some_and(|length: usize| length > LARGEST_BODY) {
            return Err(IntakeError::TooLarge);
        }
        let whole = self.collect(request.into_body(), told);
        timeout(self.time, whole).await.unwrap_or(Err(IntakeError::TooSlow(self.time)))
    }

    /// Room is taken as bytes arrive, not as they are announced: whoever announces much and sends little takes none.
    async fn collect(&self, mut body: Body, told: Option<usize>) -> Result<Taken, IntakeError> {
        let mut taken = Taken { bytes: Bytes::new(), room: None };
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| IntakeError::Broken)?.into_data() else { continue };
            if bytes.len() + data.len() > LARGEST_BODY {
                return Err(IntakeError::TooLarge);
            }
            taken.grow(&self.room, data.len())?;
            if bytes.is_empty() && Some(data.len()) == told {
                // All of it in one piece: no need to copy.
                taken.bytes = data;
                return Ok(taken);
            }
            bytes.extend_from_slice(&data);
        }
        taken.bytes = bytes.freeze();
        Ok(taken)
    }
}

impl Taken {
    fn grow(&mut self, room: &Arc<Semaphore>, by: usize) -> Result<(), IntakeError> {
        let by = u32::try_from(by).map_err(|_| IntakeError::TooLarge)?;
        let more = Arc::clone(room).try_acquire_many_owned(by).map_err(|_| IntakeError::NoRoom)?;
        match &mut self.room {
            Some(room) => room.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::convert::Infallible;

    fn request(body: Body) -> http::Request<Body> {
        http::Request::new(body)
    }

    fn pieces(pieces: usize, length: usize) -> Body {
        let piece = Bytes::from(vec![b'x'; length]);
        Body::from_stream(stream::iter((0..pieces).map(move |_| Ok::<_, Infallible>(piece.clone()))))
    }

    #[tokio::test]
    async fn a_body_is_taken_whole_up_to_the_limit() {
        let intake = Intake::new(Duration::from_secs(1));
        let taken = intake.take(request(pieces(7, 1024 * 1024))).await.unwrap();
        assert_eq!(taken.bytes.len(), LARGEST_BODY);
        let error = intake.take(request(pieces(8, 1024 * 1024))).await.unwrap_err();
        assert_eq!(error, IntakeError::TooLarge);
    }

    #[tokio::test]
    async fn a_length_beyond_the_limit_is_refused_unread() {
        let mut request = request(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()));
        request.headers_mut().insert(CONTENT_LENGTH, (LARGEST_BODY + 1).into());
        let error = Intake::new(Duration::from_secs(60)).take(request).await.unwrap_err();
        assert_eq!(error, IntakeError::TooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_stalls_is_given_up() {
        let intake = Intake::new(Duration::from_secs(10));
        let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let error = intake.take(request(body)).await.unwrap_err();
        assert_eq!(error, IntakeError::TooSlow(Duration::from_secs(10)));
    }

    #[tokio::test]
    async fn bodies_share_oneroom_and_give_it_back() {
        let intake = Intake::new(Duration::from_secs(1));
        let large = || request(pieces(7, 1024 * 1024));
        let mut held = Vec::new();
        for _ in 0..9 {
            held.push(intake.take(large()).await.unwrap());
        }
        assert_eq!(intake.take(large()).await.unwrap_err(), IntakeError::NoRoom);
        intake.take(request(Body::from("small"))).await.unwrap();
        held.clear();
        intake.take(large()).await.unwrap();
    }
}
