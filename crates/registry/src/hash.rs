//! Hashes content as its digest asks for.

use sha2::{Digest as _, Sha256, Sha512};
use tagger_core::reference::Digest;

/// Hashes content that comes piece by piece.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// By the algorithm of this digest.
    pub(crate) fn like(digest: &Digest) -> Self {
        match digest.algorithm() {
            "sha512" => Self::Sha512(Sha512::new()),
            _ => Self::Sha256(Sha256::new()),
        }
    }

    pub(crate) fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(piece),
            Self::Sha512(hash) => hash.update(piece),
        }
    }

    /// The digest of all pieces.
    pub(crate) fn finish(self) -> Option<Digest> {
        let text = match self {
            Self::Sha256(hash) => written("sha256", &hash.finalize()),
            Self::Sha512(hash) => written("sha512", &hash.finalize()),
        };
        text.parse().ok()
    }
}

/// The digest of this content, by the algorithm of another digest, or by sha256.
pub(crate) fn digest_of(content: &[u8], like: Option<&Digest>) -> Option<Digest> {
    let mut hasher = like.map_or_else(|| Hasher::Sha256(Sha256::new()), Hasher::like);
    hasher.update(content);
    hasher.finish()
}

fn written(algorithm: &str, hash: &[u8]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{algorithm}:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_hashed_by_the_algorithm_that_was_asked_for() {
        let sha512 = digest_of(b"", Some(&format!("sha512:{}", "0".repeat(128)).parse().unwrap())).unwrap();
        assert!(sha512.as_str().starts_with("sha512:cf83e1357eefb8bd"));
        assert!(digest_of(b"", None).unwrap().as_str().starts_with("sha256:e3b0c44298fc1c14"));
    }

    #[test]
    fn pieces_are_hashed_as_the_whole() {
        let whole = digest_of(b"ab", None).unwrap();
        let mut hasher = Hasher::like(&whole);
        [b"a", b"b"].into_iter().for_each(|piece| hasher.update(piece));
        assert_eq!(hasher.finish(), Some(whole));
    }
}
