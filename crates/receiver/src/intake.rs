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

/// How much memory bodies may take up together, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Rooms {
    /// Those of senders who have shown who they are.
    pub known: usize,
    /// Those of all others. Apart from the known ones, who must not find their room full of what strangers send.
    pub strangers: usize,
}

/// Who sends a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// One who has shown who it is.
    Known,
    /// One who has not: its body has to be read first to see whether it is signed, or anybody may send.
    Stranger,
}

/// Takes in bodies, and knows how much room they take up together.
#[derive(Debug)]
pub struct Intake {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
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
    /// An intake that gives each body this much time to arrive, and all of them together these rooms.
    pub fn new(time: Duration, rooms: Rooms) -> Self {
        let room = |bytes| Arc::new(Semaphore::new(bytes));
        Self { known: room(rooms.known), strangers: room(rooms.strangers), time }
    }

    /// Takes in a body, whole.
    pub async fn take(&self, sender: Sender, request: http::Request<Body>) -> Result<Taken, IntakeError> {
        let told = request.headers().get(CONTENT_LENGTH);
        let told = told.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if told.is_some_and(|length| length > LARGEST_BODY) {
            return Err(IntakeError::TooLarge);
        }
        let room = match sender {
            Sender::Known => &self.known,
            Sender::Stranger => &self.strangers,
        };
        let whole = collect(room, request.into_body());
        timeout(self.time, whole).await.unwrap_or(Err(IntakeError::TooSlow(self.time)))
    }
}

/// Room is taken as bytes arrive: whoever announces much and sends little takes little.
async fn collect(room: &Arc<Semaphore>, mut body: Body) -> Result<Taken, IntakeError> {
    let (mut bytes, mut taken) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| IntakeError::Broken)?.into_data() else { continue };
        if data.len() > LARGEST_BODY - bytes.len() {
            return Err(IntakeError::TooLarge);
        }
        let length = u32::try_from(data.len()).map_err(|_| IntakeError::TooLarge)?;
        let more = room.clone().try_acquire_many_owned(length).map_err(|_| IntakeError::NoRoom)?;
        match &mut taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Taken { bytes: bytes.freeze(), _room: taken })
}

#[cfg(test)]
mod tests {
    use super::Sender::{Known, Stranger};
    use super::*;
    use futures::stream;
    use std::convert::Infallible;

    const ROOMS: Rooms = Rooms { known: 8 * 1024 * 1024, strangers: 4 * 1024 * 1024 };

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
        let intake = Intake::new(Duration::from_secs(1), ROOMS);
        let taken = intake.take(Known, request(3, 1024 * 1024)).await.unwrap();
        assert_eq!(taken.bytes.len(), LARGEST_BODY);
        drop(taken);
        for (pieces, length) in [(4, 1024 * 1024), (3 * 1024 * 1024 + 1, 1), (1, LARGEST_BODY + 1)] {
            assert_eq!(intake.take(Known, request(pieces, length)).await.unwrap_err(), IntakeError::TooLarge);
        }
    }

    #[tokio::test]
    async fn a_length_beyond_the_limit_is_refused_unread() {
        let mut request = silent();
        request.headers_mut().insert(CONTENT_LENGTH, (LARGEST_BODY + 1).into());
        let error = Intake::new(Duration::from_secs(60), ROOMS).take(Known, request).await.unwrap_err();
        assert_eq!(error, IntakeError::TooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_stalls_is_given_up() {
        let intake = Intake::new(Duration::from_secs(10), ROOMS);
        assert_eq!(
            intake.take(Known, silent()).await.unwrap_err(),
            IntakeError::TooSlow(Duration::from_secs(10))
        );
    }

    #[tokio::test]
    async fn bodies_share_their_room_and_give_it_back() {
        let intake = Intake::new(Duration::from_secs(1), ROOMS);
        let large = || request(3, 1024 * 1024);
        let held = [intake.take(Known, large()).await.unwrap(), intake.take(Known, large()).await.unwrap()];
        assert_eq!(intake.take(Known, large()).await.unwrap_err(), IntakeError::NoRoom);
        intake.take(Known, request(1, 5)).await.unwrap();
        drop(held);
        intake.take(Known, large()).await.unwrap();
    }

    #[tokio::test]
    async fn what_strangers_send_takes_no_room_of_those_who_are_known() {
        let intake = Intake::new(Duration::from_secs(1), ROOMS);
        let large = || request(3, 1024 * 1024);
        let _held = intake.take(Stranger, large()).await.unwrap();
        assert_eq!(intake.take(Stranger, large()).await.unwrap_err(), IntakeError::NoRoom);
        let _known = [intake.take(Known, large()).await.unwrap(), intake.take(Known, large()).await.unwrap()];
        intake.take(Stranger, request(1, 5)).await.unwrap();
    }
}
