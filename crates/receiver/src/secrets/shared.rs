use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretSlice};

use crate::provider::Hash;

/// A secret that a sender and we both know.
#[derive(Clone)]
pub struct Shared {
    value: SecretSlice<u8>,
    /// The hash of the value: what is compared then has one length, so that the time that it takes says nothing of the value's.
    hash: [u8; SHA256_OUTPUT_LEN],
}

impl Shared {
    pub(super) fn new(value: &[u8]) -> Self {
        Self { value: value.to_vec().into(), hash: hash(value) }
    }

    /// Whether one of them is among what was presented. How long this takes says nothing of how much of one was right.
    pub(crate) fn any_is(known: &[Self], presented: &[impl AsRef<[u8]>]) -> bool {
        let mut found = false;
        for text in presented {
            let hash = hash(text.as_ref());
            for secret in known {
                found |= verify_slices_are_equal(&secret.hash, &hash).is_ok();
            }
        }
        found
    }

    /// Whether the body was signed with one of them.
    pub(crate) fn any_signed(known: &[Self], hash: Hash, body: &[u8], signature: &[u8]) -> bool {
        let mut found = false;
        for secret in known {
            let key = hmac::Key::new(hash.algorithm(), secret.value.expose_secret());
            found |= hmac::verify(&key, body, signature).is_ok();
        }
        found
    }
}

fn hash(value: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest::digest(&SHA256, value).as_ref());
    hash
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}
