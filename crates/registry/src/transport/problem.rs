//! Says what went wrong below HTTP, in words of our own.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, InvalidMessage};

use super::origin::Origin;
use super::resolver::Refused;
use crate::fault::{Fault, shown};

/// Says what happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectProblem {
    /// The name has no address.
    #[error("its name does not resolve; check the spelling and the cluster's DNS")]
    NameUnknown,
    /// Nothing listens there.
    #[error("the connection is refused; is the port right?")]
    Refused,
    /// The connection was made and broke.
    #[error("the connection broke")]
    Broken,
}

/// Says why a connection could not be secured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// The other side does not speak TLS.
    #[error("it answers plain HTTP")]
    PlainHttp,
    /// Nobody that we believe signed the certificate.
    #[error("nobody trusted has signed its certificate")]
    UnknownAuthority,
    /// The certificate's time is over, or has not come.
    #[error("its certificate is not valid at this time")]
    Expired,
    /// The certificate is another host's.
    #[error("its certificate is for another name")]
    WrongName,
    /// This machine has no certificate authorities at all.
    #[error("this machine has no certificate authorities")]
    NoAuthorities,
    /// Anything else that the TLS library says.
    #[error("{0}")]
    Other(String),
}

/// Finds out what an error of the HTTP client is. Its own text is not shown: it holds URLs, which hold secrets.
pub(crate) fn classify(error: &reqwest::Error, origin: &Origin) -> Fault {
    let host = origin.to_string();
    let causes = || std::iter::successors(error.source(), |cause| beneath(*cause));
    if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<Refused>()) {
        return Fault::AddressRefused { host, address: refused.address, kind: refused.kind };
    }
    if let Some(problem) = causes().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return Fault::TlsFailed { host, problem: tls_problem(problem) };
    }
    if error.is_timeout() {
        return Fault::Timeout { host };
    }
    if error.is_body() || error.is_decode() {
        return Fault::Truncated { host };
    }
    let refused = |cause: &(dyn StdError + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    let problem = match () {
        () if error.is_dns() => ConnectProblem::NameUnknown,
        () if causes().any(refused) => ConnectProblem::Refused,
        () => ConnectProblem::Broken,
    };
    Fault::Unreachable { host, problem }
}

/// The next cause. `io::Error` hides the one that it wraps behind its own accessor.
fn beneath<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
        None => cause.source(),
    }
}

fn tls_problem(error: &rustls::Error) -> TlsProblem {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsProblem::PlainHttp,
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::UnknownIssuer => TlsProblem::UnknownAuthority,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsProblem::Expired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsProblem::WrongName
            }
            other => TlsProblem::Other(shown(other)),
        },
        other => TlsProblem::Other(shown(other)),
    }
}
