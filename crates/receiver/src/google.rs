//! The tokens of Google's Pub/Sub: signed by Google, made out to us, and by the service account that was named to us.

mod keys;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use url::Url;

use crate::secrets::Identity;
use keys::Keys;
pub use keys::KeysError;

/// Where Google tells its keys.
pub const KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// Who may have made a token out. Both are Google's own spellings.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Why a token does not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The token is not what it must be.
    #[error("the token is not from Google, not made out to this receiver, or expired")]
    Token,
    /// It is Google's, and somebody else's.
    #[error("the token is from Google, and of an account or for an audience that the Secret does not name")]
    Stranger,
    /// It can't be judged, for want of keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// Judges tokens.
#[derive(Debug)]
pub struct Google {
    keys: Keys,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    email: String,
    email_verified: bool,
}

impl Google {
    /// A judge that has its keys from this address.
    pub fn new(keys: Url) -> Result<Self, reqwest::Error> {
        Keys::new(keys).map(|keys| Self { keys })
    }

    /// Whether the token shows its bearer to be one of these: all of signature, time, issuer, audience and verified e-mail address
    /// have to be right.
    pub async fn judge(&self, token: &str, identities: &[Identity]) -> Result<(), Denied> {
        let header = decode_header(token).map_err(|_| Denied::Token)?;
        let kid = header.kid.filter(|_| header.alg == Algorithm::RS256).ok_or(Denied::Token)?;
        let key = self.keys.key(&kid).await?.ok_or(Denied::Token)?;
        let audiences: Vec<&str> = identities.iter().map(|identity| identity.audience.as_str()).collect();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&ISSUERS);
        validation.set_audience(&audiences);
        validation.validate_nbf = true;
        let claims = decode::<Claims>(token, &key, &validation).map_err(|_| Denied::Token)?.claims;
        let is = |identity: &Identity| identity.email == claims.email && identity.audience == claims.aud;
        match claims.email_verified && identities.iter().any(is) {
            true => Ok(()),
            false => Err(Denied::Stranger),
        }
    }
}
