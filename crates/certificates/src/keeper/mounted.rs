//! The certificate of a folder, served as long as nothing better is there.

use std::path::Path;

use jiff::Timestamp;
use tokio::time::sleep;

use super::{KeeperError, Keeping};
use crate::authority::Leaf;
use crate::bundle::Bundle;
use crate::mounted;
use crate::verdict::{Reason, Verdict};

impl Keeping {
    /// Takes what the folder holds, once the API server trusts it; what is served goes on where it holds nothing of use.
    pub(super) async fn look_at_folder(&mut self, folder: &Path, now: Timestamp) -> Result<(), KeeperError> {
        let (place, names) = (folder.to_owned(), self.settings.names.clone());
        let reading = tokio::task::spawn_blocking(move || mounted::read(&place, &names, now));
        let read = reading.await.map_err(|_| KeeperError::Ended)?;
        let served = self.serving.leaf();
        let (leaf, problem) = match (read, &served) {
            (Ok(leaf), _) => (leaf, None),
            (Err(problem), Some(served)) => (served.clone(), Some(problem)),
            (Err(problem), None) => return Err(problem.into()),
        };
        match self.trust(&leaf, served.as_ref(), now).await {
            Ok(()) => self.swap(&leaf, served.as_ref(), now),
            // The API server is no reason to let a certificate expire whose successor it trusts already.
            Err(error)
                if self.published.as_ref().is_some_and(|published| trusts(published, &leaf.issuer)) =>
            {
                self.swap(&leaf, served.as_ref(), now);
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        self.ready.send_replace(true);
        problem.map_or(Ok(()), |problem| Err(problem.into()))
    }

    /// Has the API servers trust the authorities of a certificate, beside those of the one that is served until then.
    async fn trust(&mut self, leaf: &Leaf, served: Option<&Leaf>, now: Timestamp) -> Result<(), KeeperError> {
        let own = match leaf.issuer.is_empty() {
            true => Bundle::default(),
            false => Bundle::new(&leaf.issuer, served.map(|served| served.issuer.as_str()), now),
        };
        let published = self.publish(&own, now).await?;
        let before = Bundle::read(&published.before);
        if !own.is_empty() && !before.is_empty() && !before.trusts(&leaf.issuer) {
            // Whoever is served by now, here or by another replica, is trusted by what was there before.
            sleep(self.settings.settle).await;
            self.publish(&own, now).await?;
        }
        Ok(())
    }

    fn swap(&self, leaf: &Leaf, served: Option<&Leaf>, now: Timestamp) {
        let is_same =
            |served: &Leaf| served.certified.cert == leaf.certified.cert && served.issuer == leaf.issuer;
        if served.is_some_and(is_same) {
            return;
        }
        match leaf.validity.judge(now) {
            Verdict::Renew(why @ Reason::Aged(_)) => {
                tracing::warn!(%why, "serving a certificate of the mounted folder that should have been renewed");
            }
            _ => {
                tracing::info!(expires = %leaf.validity.not_after, "serving the certificate of the mounted folder")
            }
        }
        self.serving.swap(leaf.clone());
    }
}

/// Whether a published bundle has the API server trust these authorities, or those of its own machine where there are none.
fn trusts(published: &Bundle, issuer: &str) -> bool {
    published.is_empty() == issuer.is_empty() && published.trusts(issuer)
}
