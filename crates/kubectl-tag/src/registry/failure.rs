//! What a registry's failure means to a person at a command line, and what they can do.

use tagger_registry::{Error, Fault, TlsProblem};

use crate::problem::Problem;

/// Says what failed, and what to do next.
pub(crate) fn told(error: &Error) -> Problem {
    let next = match error.fault() {
        Fault::TlsFailed { problem: TlsProblem::PlainHttp, host } => {
            Some(format!("--insecure-registry {host} speaks plain HTTP with it"))
        }
        Fault::TlsFailed { problem: TlsProblem::UnknownAuthority | TlsProblem::NoAuthorities, .. } => {
            Some("--registry-ca FILE names the authority of its certificate".to_owned())
        }
        Fault::Unauthorized { .. } => {
            let host = match error {
                Error::At { reference, .. } => reference.registry().map(ToString::to_string),
                Error::Nowhere { .. } => None,
            };
            Some(format!("docker login {} with somebody who may", host.unwrap_or_default()))
        }
        _ => None,
    };
    Problem::Registry(text(error), next)
}

/// The failure in one line, without what only the operator's administrator could do.
fn text(error: &Error) -> String {
    match (error, error.fault()) {
        (Error::At { reference, .. }, Fault::TlsFailed { host, problem }) => {
            format!("{reference}: no secure connection to {host}: {problem}")
        }
        _ => error.to_string(),
    }
}

/// The same of a question about a whole repository, whose reference names no tag that was asked for.
pub(crate) fn told_of_repository(error: &Error) -> Problem {
    match (error, error.fault()) {
        (Error::At { reference, .. }, Fault::NotFound) => {
            let registry = reference.registry().map(|registry| format!("{registry}/")).unwrap_or_default();
            let what = format!("{registry}{}: the registry has no such repository", reference.repository());
            Problem::Registry(what, None)
        }
        _ => told(error),
    }
}
