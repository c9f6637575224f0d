//! The keys that Google signs with: fetched when they are needed, kept for as long as Google says, and fetched once for all who wait.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::CACHE_CONTROL;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// How large the document with the keys may be. Google's has some kilobytes.
const LARGEST: usize = 256 * 1024;
/// How long Google may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long keys are kept at least and at most, whatever Google says; and where it says nothing.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const USUAL: Duration = Duration::from_secs(60 * 60);
/// How long it is until the keys are asked for again, because one is not among them or because they could not be had: a forger
/// names as many keys as it likes.
const PAUSE: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Google's keys can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Google's keys can't be had: {0}; send it again in a moment")]
pub struct KeysError(&'static str);

/// Keys by their names.
#[derive(Debug)]
pub(super) struct Keys {
    client: reqwest::Client,
    address: Url,
    held: RwLock<Arc<Held>>,
    flight: Mutex<()>,
}

#[derive(Default)]
struct Held {
    keys: HashMap<String, DecodingKey>,
    /// Until when they hold.
    until: Option<Instant>,
    /// Until when nobody is asked again.
    pause: Option<Instant>,
    failed: Option<KeysError>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn new(address: Url) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .https_only(address.scheme() == "https")
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { client, address, held: RwLock::default(), flight: Mutex::default() })
    }

    /// The key of this name, or none where Google has no such key.
    pub(super) async fn key(&self, name: &str) -> Result<Option<DecodingKey>, KeysError> {
        if let Some(known) = self.held().known(name) {
            return known;
        }
        let _flight = self.flight.lock().await;
        // Whoever flew before may have brought it.
        let held = self.held();
        if let Some(known) = held.known(name) {
            return known;
        }
        let fresh = match self.fetch().await {
            Ok((keys, lifetime)) => {
                let now = Instant::now();
                Held { keys, until: Some(now + lifetime), pause: Some(now + PAUSE), failed: None }
            }
            Err(error) => {
                tracing::warn!(%error, "notifications of Google can't be judged");
                // What is held still holds.
                let pause = Some(Instant::now() + PAUSE_AFTER_FAILURE);
                Held { keys: held.keys.clone(), until: held.until, pause, failed: Some(error) }
            }
        };
        let answer = fresh.known(name).unwrap_or(Ok(None));
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        answer
    }

    fn held(&self) -> Arc<Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fetch(&self) -> Result<(HashMap<String, DecodingKey>, Duration), KeysError> {
        let answer = self.client.get(self.address.clone()).send().await;
        let mut answer = answer.map_err(|_| KeysError("Google's server did not answer"))?;
        if !answer.status().is_success() {
            return Err(KeysError("Google's server refused"));
        }
        let lifetime = answer.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|_| KeysError("Google's server broke off"))? {
            if piece.len() > LARGEST - body.len() {
                return Err(KeysError("the answer is too large"));
            }
            body.extend_from_slice(&piece);
        }
        let set: JwkSet = serde_json::from_slice(&body).map_err(|_| KeysError("the answer has no keys"))?;
        let rsa = set.keys.iter().filter(|key| matches!(key.algorithm, AlgorithmParameters::RSA(_)));
        let keys = rsa.filter_map(|key| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(key).ok()?)));
        Ok((keys.collect(), lifetime.unwrap_or(USUAL).clamp(SHORTEST, LONGEST)))
    }
}

impl Held {
    /// What is known of this key without asking; nothing where it is time to ask.
    fn known(&self, name: &str) -> Option<Result<Option<DecodingKey>, KeysError>> {
        let now = Instant::now();
        if let Some(key) = self.keys.get(name).filter(|_| self.until.is_some_and(|until| now < until)) {
            return Some(Ok(Some(key.clone())));
        }
        let is_early = self.pause.is_some_and(|pause| now < pause);
        is_early.then(|| self.failed.map_or(Ok(None), Err))
    }
}

fn max_age(cache_control: &str) -> Option<Duration> {
    let parts = cache_control.split(',').map(str::trim);
    let age = parts.filter_map(|part| part.strip_prefix("max-age=")).next()?;
    age.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("public, max-age=22800, must-revalidate, no-transform", Some(22800))]
    #[case("no-store", None)]
    #[case("max-age=soon", None)]
    fn keys_are_kept_for_as_long_as_google_says(#[case] header: &str, #[case] seconds: Option<u64>) {
        assert_eq!(max_age(header), seconds.map(Duration::from_secs));
    }
}
