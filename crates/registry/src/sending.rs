//! Sends a blob until it is there.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::time::sleep;

use crate::copy::Shared;
use crate::fault::{Fault, UploadProblem};
use crate::parts::Blob;
use crate::push::{NotSent, Pieces, Session};
use crate::remote::Remote;

impl Remote {
    /// Sends a blob, try after try: in one piece, or in several where that is all that the registry takes. `open` has its pieces
    /// begin anew for each try, and counts those that pass.
    pub(crate) async fn send<P: Pieces>(
        &self,
        shared: &Shared,
        blob: &Blob,
        mut session: Option<Session>,
        open: impl Fn(Arc<AtomicU64>) -> P + Send + Sync,
    ) -> Result<(), NotSent<P::Broken>> {
        let (mut tries, mut renewed) = (0, false);
        let mut in_pieces = shared.takes_pieces_only(&self.origin);
        loop {
            let passed = Arc::new(AtomicU64::new(0));
            let mut pieces = open(passed.clone());
            pieces.begin().await.map_err(NotSent::Source)?;
            let session = match session.take() {
                Some(session) => session,
                None => self.begin().await.map_err(NotSent::Destination)?,
            };
            let sending = match in_pieces {
                false => self.send_whole(session, (&blob.digest, blob.size), pieces, &passed).await,
                true => self.send_in_pieces(session, &blob.digest, pieces).await,
            };
            let fault = match sending {
                Err(NotSent::Destination(fault)) => fault,
                other => return other,
            };
            tries += 1;
            if let (false, Fault::UploadFailed { problem: UploadProblem::TooLarge, .. }) = (in_pieces, &fault)
            {
                shared.note_pieces_only(&self.origin);
                in_pieces = true;
                continue;
            }
            // The session's token may have run out while the blob waited for its turn.
            if !renewed && matches!(fault, Fault::Unauthorized { status: 401, .. }) {
                renewed = true;
                continue;
            }
            let wait = self.transport.wait(&fault, tries);
            let Some(wait) = wait else { return Err(NotSent::Destination(fault)) };
            tracing::debug!(reason = fault.reason(), digest = %blob.digest, "a blob is sent again");
            sleep(wait).await;
            // It may be only the answer that was lost.
            if self.has_blob(&blob.digest).await.map_err(NotSent::Destination)? {
                return Ok(());
            }
            // What broke once may break again: pieces can be taken up where they broke.
            in_pieces = true;
        }
    }
}
