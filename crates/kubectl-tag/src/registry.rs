//! Registries, as the person who runs this may use them.

mod forward;
mod hosting;
mod look;
mod probe;
mod reach;
mod route;

use std::sync::Arc;

use tagger_core::reference::{Reference, Registry};
use tagger_registry::{
    Authority, Client, CopyError, Detour, Error, Fault, Retry, Settings, TlsProblem, UserConfig,
    UserConfigWarning,
};

use crate::arguments::RegistryFlags;
use crate::problem::Problem;
use crate::screen::Screen;

pub(crate) use look::inspect;
pub(crate) use reach::Registries;

/// The user's own credentials: those of docker and podman, and of their helpers.
fn credentials() -> Result<Arc<UserConfig>, Problem> {
    let opened = UserConfig::open(|name| std::env::var_os(name), warn);
    opened.map(Arc::new).map_err(|error| Problem::File(error.to_string()))
}

/// A client with these credentials. It reaches one registry by a detour, and in plain HTTP where that is what it speaks.
fn client(
    flags: &RegistryFlags,
    credentials: Arc<UserConfig>,
    detour: Option<(Detour, bool)>,
) -> Result<Client, Problem> {
    let authorities = flags.authorities.iter().map(|file| {
        let pem = std::fs::read(file).map_err(|error| {
            Problem::File(format!("--registry-ca {} can't be read: {error}", file.display()))
        })?;
        Ok(Authority { registry: None, pem })
    });
    let mut settings = Settings {
        insecure: flags.insecure.clone(),
        // Who typed the names may reach those hosts anyhow.
        private_everywhere: true,
        authorities: authorities.collect::<Result<_, Problem>>()?,
        user_agent: concat!("kubectl-tag/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..Settings::default()
    };
    if let Some((detour, is_plain)) = detour {
        settings.insecure.extend(is_plain.then(|| detour.registry.clone()));
        settings.detours.push(detour);
    }
    Client::new(settings, credentials).map_err(|error| Problem::Invalid(error.to_string(), None))
}

fn warn(warning: &UserConfigWarning) {
    Screen.note(format_args!("warning: {warning}"));
}

/// What the failure of a look-up means to whoever typed the command.
pub(crate) fn problem(error: &Error) -> Problem {
    match error {
        Error::At { reference, fault } => {
            Problem::Registry(told(reference, fault), next(reference.registry(), fault))
        }
        Error::Nowhere { looked, .. } => {
            let registry = looked.first().map(|(registry, _)| registry);
            Problem::Registry(error.to_string(), next(registry, error.fault()))
        }
    }
}

/// What the failure of a question about a whole repository means: its reference names no tag that was asked for.
pub(crate) fn problem_of_repository(error: &Error) -> Problem {
    match (error, error.fault()) {
        (Error::At { reference, .. }, Fault::NotFound) => {
            let registry = reference.registry().map(|registry| format!("{registry}/")).unwrap_or_default();
            let what = format!("{registry}{}: the registry has no such repository", reference.repository());
            Problem::Registry(what, Some("check the registry and the repository".to_owned()))
        }
        _ => problem(error),
    }
}

/// What the failure of a copy means to whoever typed the command.
pub(crate) fn copy_problem(error: &CopyError) -> Problem {
    match error {
        CopyError::Source(error) | CopyError::Destination(error) => problem(error),
    }
}

/// What failed. The library's own words name the operator's flags where a flag would help.
fn told(reference: &Reference, fault: &Fault) -> String {
    match fault {
        Fault::TlsFailed { host, problem } => {
            format!("{reference}: no secure connection to {host}: {problem}")
        }
        Fault::Unauthorized { status, credentials: 0 } => {
            format!(
                "{reference}: the registry lets in nobody without credentials (HTTP {status}), and there are none here"
            )
        }
        Fault::Unauthorized { status, .. } => {
            format!("{reference}: the registry refuses your credentials (HTTP {status})")
        }
        _ => format!("{reference}: {fault}"),
    }
}

/// What to do about it.
fn next(registry: Option<&Registry>, fault: &Fault) -> Option<String> {
    let login = || registry.map(|registry| format!("docker login {registry}"));
    match fault {
        Fault::Unauthorized { credentials: 0, .. } => login(),
        Fault::Unauthorized { .. } => {
            login().map(|login| format!("{login}, as somebody who may; or check the name"))
        }
        Fault::TokenInvalid(_) => login(),
        Fault::NotFound | Fault::Moved(_) | Fault::PartMissing(_) => {
            Some("check the registry, the repository and the tag".to_owned())
        }
        Fault::TlsFailed { host, problem: TlsProblem::PlainHttp } => {
            Some(format!("--insecure-registry {host} has it asked in plain HTTP"))
        }
        Fault::TlsFailed { problem: TlsProblem::UnknownAuthority | TlsProblem::NoAuthorities, .. } => {
            Some("--registry-ca FILE names whom to trust".to_owned())
        }
        Fault::Unreachable { .. } => {
            Some("check the name and your network; HTTPS_PROXY and NO_PROXY count".to_owned())
        }
        _ => match fault.retry() {
            Retry::Soon => Some("run the command again; what has come is not sent again".to_owned()),
            Retry::After(wait) => Some(format!("run the command again in {} s", wait.as_secs().max(1))),
            Retry::WhenChanged => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn shown(fault: Fault) -> String {
        let problem = problem(&Error::At { reference: "a.io/b/c:1".parse().unwrap(), fault });
        format!("{problem}\nnext: {}", problem.next().unwrap_or_default())
    }

    #[rstest]
    #[case(Fault::Unauthorized { status: 401, credentials: 0 }, "docker login a.io")]
    #[case(Fault::Unauthorized { status: 403, credentials: 1 }, "docker login a.io, as somebody who may")]
    #[case(Fault::NotFound, "check the registry, the repository and the tag")]
    #[case(Fault::TlsFailed { host: "a.io".into(), problem: TlsProblem::PlainHttp }, "--insecure-registry a.io")]
    #[case(Fault::TlsFailed { host: "a.io".into(), problem: TlsProblem::UnknownAuthority }, "--registry-ca FILE")]
    #[case(Fault::Timeout { host: "a.io".into() }, "run the command again")]
    #[case(Fault::RateLimited { retry_after: Some(std::time::Duration::from_secs(30)) }, "again in 30 s")]
    fn a_failure_says_what_to_do_next_in_this_programs_words(#[case] fault: Fault, #[case] next: &str) {
        let text = shown(fault);
        assert!(text.starts_with("a.io/b/c:1: ") && text.contains(next), "{text}");
        assert!(!text.contains("start tagger"), "{text}");
    }
}
