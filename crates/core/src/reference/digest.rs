use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names content by its hash: `sha256:` or `sha512:` and the hash in lower-case hexadecimal, by the OCI image specification.
///
/// A value of this type is safe in a path: it holds nothing but the algorithm, a colon and hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is none that registries must know.
    #[error("{0:?} is no digest: it begins with sha256: or sha512:")]
    Algorithm(String),
    /// The hash has the wrong length or characters.
    #[error("{text:?} is no digest: {algorithm} has {length} characters of 0-9 and a-f")]
    Encoding {
        /// The text as it was given.
        text: String,
        /// The algorithm that it named.
        algorithm: &'static str,
        /// How many characters the hash must have.
        length: usize,
    },
}

impl Digest {
    /// The digest as text, algorithm and all.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The algorithm: `sha256` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hash, length) = match text.split_once(':') {
            Some(("sha256", hash)) => ("sha256", hash, 64),
            Some(("sha512", hash)) => ("sha512", hash, 128),
            _ => return Err(DigestError::Algorithm(text.to_owned())),
        };
        let hex = hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match hex && hash.len() == length {
            true => Ok(Self(text.to_owned())),
            false => Err(DigestError::Encoding { text: text.to_owned(), algorithm, length }),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
