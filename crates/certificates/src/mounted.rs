//! A certificate that is made elsewhere: a mounted Secret of the type `kubernetes.io/tls`, as cert-manager or a person write it.

mod files;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::authority::{Leaf, validity_of};
use crate::bundle::Bundle;
use crate::verdict::{Reason, Validity, Verdict};

pub use files::{AUTHORITY, CERTIFICATE, Files, KEY};

/// Why what a folder holds can't be served.
#[derive(Debug, thiserror::Error)]
#[error("no certificate can be taken from {}: {problem}; it is looked at again when a file changes", .folder.display())]
pub struct MountedError {
    /// The folder.
    pub folder: PathBuf,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a folder that a certificate is wanted from.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file is not there.
    #[error(
        "there is no {0}; mount a Secret of the type kubernetes.io/tls there, with tls.crt, tls.key and ca.crt"
    )]
    Missing(&'static str),
    /// A file can't be read.
    #[error("{0} can't be read: {1}; give the process the right to")]
    Unreadable(&'static str, std::io::Error),
    /// A file is larger than any Secret.
    #[error("{0} has more than {1} bytes, so it is no certificate or key")]
    TooLarge(&'static str, u64),
    /// The certificate is no certificate.
    #[error("tls.crt is no certificate in PEM: {0}; write it whole")]
    Certificate(String),
    /// The key is no key.
    #[error("tls.key is no private key in PEM: {0}; write it whole, without a password")]
    Key(String),
    /// The key is another certificate's.
    #[error("tls.key is not the key of tls.crt; write both at once")]
    OtherKey,
    /// The certificate is not for now.
    #[error("the time of tls.crt is not now: {0}; renew it, or set the clock right")]
    Time(Reason),
    /// The certificate is for other names.
    #[error("tls.crt is not for {name}, by which the API server asks: {why}; have it issued for that name")]
    Name {
        /// The name that is asked by.
        name: String,
        /// What TLS says of it.
        why: TlsError,
    },
    /// The authorities are none.
    #[error(
        "ca.crt holds no certificate of an authority whose time is now; write it whole, or leave the file out for a public authority"
    )]
    Authority,
    /// No authority issued the certificate.
    #[error(
        "no authority in ca.crt issued tls.crt: {0}; write both at once, and intermediate certificates into tls.crt"
    )]
    Chain(TlsError),
}

/// Reads the certificate of a folder, as far as it can be served under these names.
pub fn read(folder: &Path, names: &[String], now: Timestamp) -> Result<Leaf, MountedError> {
    let wrong = |problem| MountedError { folder: folder.to_owned(), problem };
    Files::read(folder).and_then(|files| leaf(&files, names, now)).map_err(wrong)
}

/// Judges a certificate as the API server will, and makes it ready to be served.
///
/// The authorities of the leaf are those of `ca.crt` whose time is now; none, where there is no such file.
pub fn leaf(files: &Files, names: &[String], now: Timestamp) -> Result<Leaf, Problem> {
    let chain = certificates(&files.certificate).map_err(Problem::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(|error| Problem::Key(error.to_string()))?;
    let provider = aws_lc_rs::default_provider();
    let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
        TlsError::InconsistentKeys(_) => Problem::OtherKey,
        TlsError::InvalidCertificate(_) => Problem::Certificate(error.to_string()),
        error => Problem::Key(error.to_string()),
    })?;
    let unreadable = |error: TlsError| Problem::Certificate(error.to_string());
    let first = certified.end_entity_cert().map_err(unreadable)?;
    let validity = validity_of(first).map_err(Problem::Certificate)?;
    if let (false, Verdict::Renew(reason)) = (validity.includes(now), validity.judge(now)) {
        return Err(Problem::Time(reason));
    }
    let parsed = ParsedCertificate::try_from(first).map_err(unreadable)?;
    for name in names {
        let wrong = |why| Problem::Name { name: name.clone(), why };
        let asked = ServerName::try_from(name.as_str())
            .map_err(|error| wrong(TlsError::General(error.to_string())))?;
        verify_server_name(&parsed, &asked).map_err(wrong)?;
    }
    let issuer = match &files.authority {
        Some(text) => issuers(text, &certified.cert, &parsed, now)?,
        None => String::new(),
    };
    Ok(Leaf { certified: Arc::new(certified), names: names.to_vec(), issuer, validity })
}

/// The authorities whose time is now, one of which must have issued the certificate.
fn issuers(
    text: &[u8],
    chain: &[CertificateDer<'static>],
    parsed: &ParsedCertificate<'_>,
    now: Timestamp,
) -> Result<String, Problem> {
    let text = str::from_utf8(text).map_err(|_| Problem::Authority)?;
    let mut roots = RootCertStore::empty();
    let mut good = Vec::new();
    for pem in Bundle::read(text).certificates() {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| Problem::Authority)?;
        let validity: Validity = validity_of(&der).map_err(|_| Problem::Authority)?;
        if validity.includes(now) {
            // The server's own certificate may be trusted by itself, though it is no authority's.
            if chain.first() != Some(&der) {
                roots.add(der.clone()).map_err(|_| Problem::Authority)?;
            }
            good.push((pem.to_owned(), der));
        }
    }
    if good.is_empty() {
        return Err(Problem::Authority);
    }
    if !good.iter().any(|(_, der)| chain.first() == Some(der)) {
        let since = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let rest = chain.get(1..).unwrap_or_default();
        let moment = UnixTime::since_unix_epoch(since);
        verify_server_cert_signed_by_trust_anchor(parsed, &roots, rest, moment, algorithms.all)
            .map_err(Problem::Chain)?;
    }
    Ok(good.into_iter().map(|(pem, _)| pem).collect())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("there is none in it".into()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
