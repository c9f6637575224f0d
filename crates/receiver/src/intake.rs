//! A notification's body, taken in within limits of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The largest body.
pub const LARGEST_BODY: usize = 3 * 1024 * 1024;

/// Why a body is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The body is larger than any notification.
    #[error("the body is larger than {LARGEST_BODY} bytes")]
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
            Self::NoRoom => StatusCode::TOO_MANY_REQUESTS,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// Takes in bodies, and knows how much room they take up together.
#[derive(Debug)]
pub struct Intake {
    room: Arc<Semaphore>,
    time: Duration,
}

/// A body, with the room that it takes up until it is dropped.
#[derive(Debug)]
pub struct Taken {
    /// The body.
    pub bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Intake {
    /// An intake that gives each body this much time to arrive, and all of them together so many bytes.
    pub fn new(time: Duration, memory: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(memory)), time }
    }

    /// Takes in a body, whole.
    pub async fn take(&self, request: http::Request<Body>) -> Result<Taken, IntakeError> {
        let told = request.headers().get(CONTENT_LENGTH);
        let told = told.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if told.is_some_and(|length| length > LARGEST_BODY) {
            return Err(IntakeError::TooLarge);
        }
        let whole = self.collect(request.into_body());
        timeout(self.time, whole).await.unwrap_or(Err(IntakeError::TooSlow(self.time)))
    }

    /// Room is taken as bytes arrive: whoever announces much and sends little takes little.
    async fn collect(&self, mut body: Body) -> Result<Taken, IntakeError> {
        let (mut bytes, mut room) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| IntakeError::Broken)?.into_data() else { continue };
            if data.len() > LARGEST_BODY - bytes.len() {
                return Err(IntakeError::TooLarge);
            }
            let length = u32::try_from(data.len()).map_err(|_| IntakeError::TooLarge)?;
            let more = self.room.clone().try_acquire_many_owned(length).map_err(|_| IntakeError::NoRoom)?;
            match &mut room {
                Some(room) => room.merge(more),
                none => *none = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Taken { bytes: bytes.freeze(), _room: room })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::convert::Infallible;

    const MEMORY: usize = 8 * 1024 * 1024;

    fn request(pieces: usize, length: usize) -> http::Request<Body> {
        let piece = Bytes::from(vec![b'x'; length]);
        http::Request::new(Body::from_stream(stream::iter(
            (0..pieces).map(move |_| Ok::<_, Infallible>(piece.clone())),
        )))
    }

    fn silent() -> http::Request<Body> {
        http::Request::new(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()))
    }

    #[tokio::test]
    async fn a_body_is_taken_whole_up_to_the_limit() {
        let intake = Intake::new(Duration::from_secs(1), MEMORY);
        let taken = intake.take(request(3, 1024 * 1024)).await.unwrap();
        assert_eq!(taken.bytes.len(), LARGEST_BODY);
        drop(taken);
        for (pieces, length) in [(4, 1024 * 1024), (3 * 1024 * 1024 + 1, 1), (1, LARGEST_BODY + 1)] {
            assert_eq!(intake.take(request(pieces, length)).await.unwrap_err(), IntakeError::TooLarge);
        }
    }

    #[tokio::test]
    async fn a_length_beyond_the_limit_is_refused_unread() {
        let mut request = silent();
        request.headers_mut().insert(CONTENT_LENGTH, (LARGEST_BODY + 1).into());
        let error = Intake::new(Duration::from_secs(60), MEMORY).take(request).await.unwrap_err();
        assert_eq!(error, IntakeError::TooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_stalls_is_given_up() {
        let intake = Intake::new(Duration::from_secs(10), MEMORY);
        assert_eq!(intake.take(silent()).await.unwrap_err(), IntakeError::TooSlow(Duration::from_secs(10)));
    }

    #[tokio::test]
    async fn bodies_share_their_room_and_give_it_back() {
        let intake = Intake::new(Duration::from_secs(1), MEMORY);
        let large = || request(3, 1024 * 1024);
        let held = [intake.take(large()).await.unwrap(), intake.take(large()).await.unwrap()];
        assert_eq!(intake.take(large()).await.unwrap_err(), IntakeError::NoRoom);
        intake.take(request(1, 5)).await.unwrap();
        drop(held);
        intake.take(large()).await.unwrap();
    }
}
