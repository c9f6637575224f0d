use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tagger_core::reference::Digest;

use crate::error::Retry;
use crate::manifest::ManifestProblem;
use crate::registries_conf::NoPlace;
use crate::transport::{
    AddressKind, ConnectProblem, RealmProblem, RedirectProblem, TlsProblem, TokenProblem,
};

/// Says what failed between us and a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No credential, and not anonymous access either, was let in.
    #[error(
        "the registry refuses access (HTTP {status}) {}; check that the image exists, and that there are credentials that may use it",
        who(*.credentials)
    )]
    Unauthorized {
        /// 401 or 403 (or the like, from the token server).
        status: u16,
        /// How many credentials were tried, anonymous access aside.
        credentials: usize,
    },
    /// The registry does not have the tag, the digest or the repository.
    #[error("the registry does not have it; check repository and tag")]
    NotFound,
    /// The manifest that the tag pointed at went away before it could be read.
    #[error("the tag pointed at {0}, which the registry does not have (any more)")]
    Moved(Digest),
    /// A part of the image is not where the image is.
    #[error("the image names {0}, which the registry does not have")]
    PartMissing(Digest),
    /// The registry wants to be asked less often.
    #[error("the registry limits the rate of requests{}; credentials of your own raise the limit of many registries", asked(.retry_after))]
    RateLimited {
        /// For how long it is not asked: what it asked for, or what is thought good where it did not say.
        retry_after: Option<Duration>,
    },
    /// A request was put off by us, so that what is left of the registry's limit lasts, or others have their turn or their room.
    /// It says nothing of the registry.
    #[error("put off for {} s, so that what is left of the registry's limit lasts, or others have their turn", .left.as_secs())]
    Deferred {
        /// For how long.
        left: Duration,
    },
    /// The registry says that it failed.
    #[error("the registry fails (HTTP {status}{})", asked(.retry_after))]
    ServerError {
        /// The HTTP status.
        status: u16,
        /// For how long the registry asked not to be asked, where it said so.
        retry_after: Option<Duration>,
    },
    /// The registry has no room for more.
    #[error("{host} has no room left, on its disk or in its quota; make room, or give it more")]
    StorageFull {
        /// The host and port.
        host: String,
    },
    /// The registry can be read only.
    #[error("{host} takes no writes; is it read-only, or a mirror of another registry?")]
    ReadOnly {
        /// The host and port.
        host: String,
    },
    /// What is written names parts that the registry has lost meanwhile.
    #[error("the registry has lost parts of the image that it had a moment ago")]
    PartsLost,
    /// An upload came to nothing.
    #[error("{host} did not keep what was uploaded: {problem}")]
    UploadFailed {
        /// The host and port.
        host: String,
        /// How it did not.
        problem: UploadProblem,
    },
    /// A blob is not as long as its manifest says.
    #[error("the registry gave {actual} bytes of a blob of {expected}")]
    SizeMismatch {
        /// The bytes by the manifest.
        expected: u64,
        /// The bytes that were given, as far as they were read.
        actual: u64,
    },
    /// A list of tags or referrers is none.
    #[error("the registry's list is none: it is not valid, or it goes on at another host")]
    ListInvalid,
    /// There is more of something than there can be in earnest.
    #[error("there are more than {limit} {what}")]
    TooMuch {
        /// What it has too much of.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
    /// The registry answered with a status that has no meaning here.
    #[error("{host} answers HTTP {status}, which no registry should; is it one?")]
    UnexpectedAnswer {
        /// The host and port that answered.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// No connection could be made, or it broke.
    #[error("{host} can't be reached: {problem}")]
    Unreachable {
        /// The host and port.
        host: String,
        /// What happened to the connection.
        problem: ConnectProblem,
    },
    /// The connection was cut before the answer was whole.
    #[error("{host} cut its answer short")]
    Truncated {
        /// The host and port.
        host: String,
    },
    /// The connection could not be secured.
    #[error("no secure connection to {host}: {problem}{}", remedy(.problem, .host))]
    TlsFailed {
        /// The host and port.
        host: String,
        /// What is wrong with it.
        problem: TlsProblem,
    },
    /// The host has an address that must not be connected to.
    #[error("{} a {kind} address, which {}", whereabouts(.host, *.address), refusal(*.kind, .host))]
    AddressRefused {
        /// The host and port.
        host: String,
        /// The address that it has.
        address: IpAddr,
        /// What the address is for.
        kind: AddressKind,
    },
    /// The registry took too long.
    #[error("{host} did not answer in time")]
    Timeout {
        /// The host and port.
        host: String,
    },
    /// What the registry gave is not what it was asked for.
    #[error("the registry gave {actual} where {expected} was asked for")]
    DigestMismatch {
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what was given.
        actual: Digest,
    },
    /// The header that tells a tag's digest holds none.
    #[error("the registry's Docker-Content-Digest is no digest")]
    DigestInvalid,
    /// The manifest is larger than any that registries take.
    #[error("the manifest has more than {limit} bytes")]
    ManifestTooLarge {
        /// The most bytes that are read.
        limit: usize,
    },
    /// The manifest is not one.
    #[error("the manifest is not valid: {0}")]
    ManifestInvalid(#[from] ManifestProblem),
    /// The server that gives tokens must not be asked.
    #[error("the registry's token realm is refused: {0}")]
    RealmRefused(RealmProblem),
    /// The server that gives tokens gave none.
    #[error("the token server gave no token: {0}")]
    TokenInvalid(TokenProblem),
    /// The `registries.conf` lets the image be read nowhere.
    #[error(transparent)]
    Blocked(#[from] NoPlace),
    /// The registry redirects to where we don't go.
    #[error("a redirect of the registry is refused: {0}")]
    RedirectRefused(RedirectProblem),
}

/// Says how an upload came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadProblem {
    /// It says nothing of where to upload to.
    #[error("it names no place to upload to")]
    NoLocation,
    /// The place to upload to is none that may be used.
    #[error("the place to upload to is refused: {0}")]
    Location(RedirectProblem),
    /// The session went away, again and again.
    #[error("the upload session was lost")]
    SessionLost,
    /// It keeps less than it is sent.
    #[error("it lost count of the bytes")]
    Count,
    /// The digest that it made of the bytes is another one than ours.
    #[error("it says that the digest is wrong, which it is not")]
    Digest,
    /// It takes no blob in one piece, and none in pieces.
    #[error("it takes the bytes neither in one piece nor in several")]
    TooLarge,
}

fn who(credentials: usize) -> String {
    match credentials {
        0 => "to anonymous".into(),
        1 => "to the one credential that matches it, and to anonymous".into(),
        many => format!("to each of {many} credentials that match it, and to anonymous"),
    }
}

fn asked(retry_after: &Option<Duration>) -> String {
    // A wait that is nearly over is not told as none.
    retry_after.map(|wait| format!(", and is asked again in {}", span(wait))).unwrap_or_default()
}

/// A wait, in the largest unit that says enough.
fn span(wait: Duration) -> String {
    match wait.as_secs_f64().ceil() as u64 {
        seconds @ 0..120 => format!("{} s", seconds.max(1)),
        seconds @ 120..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3600)),
    }
}

fn remedy(problem: &TlsProblem, host: &str) -> String {
    match problem {
        TlsProblem::PlainHttp => {
            format!("; start tagger with --insecure-registry {host}, or give it a certificate")
        }
        TlsProblem::UnknownAuthority => format!("; start tagger with --registry-ca {host}=FILE"),
        TlsProblem::NoAuthorities => format!(
            "; mount them at /etc/ssl/certs, name them in SSL_CERT_FILE, or start tagger with --registry-ca {host}=FILE"
        ),
        TlsProblem::Expired | TlsProblem::WrongName | TlsProblem::Other(_) => String::new(),
    }
}

/// A host that is an address by itself is not said to be at it.
fn whereabouts(host: &str, address: IpAddr) -> String {
    match host.contains(&address.to_string()) {
        true => format!("{host} is"),
        false => format!("{host} is at {address},"),
    }
}

fn refusal(kind: AddressKind, host: &str) -> String {
    match kind.may_be_allowed() {
        true => format!("is connected to only when tagger is started with --private-registry {host}"),
        false => "no registry may have".into(),
    }
}

impl Fault {
    /// One fixed word, good as a condition reason, an Event reason and a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "Unauthorized",
            Self::NotFound => "NotFound",
            Self::Moved(_) => "Moved",
            Self::PartMissing(_) => "PartMissing",
            Self::RateLimited { .. } => "RateLimited",
            Self::Deferred { .. } => "Deferred",
            Self::ServerError { .. } => "ServerError",
            Self::StorageFull { .. } => "StorageFull",
            Self::ReadOnly { .. } => "ReadOnly",
            Self::PartsLost => "PartsLost",
            Self::UploadFailed { .. } => "UploadFailed",
            Self::SizeMismatch { .. } => "SizeMismatch",
            Self::ListInvalid => "ListInvalid",
            Self::TooMuch { .. } => "TooMuch",
            Self::UnexpectedAnswer { .. } => "UnexpectedAnswer",
            Self::Unreachable { .. } => "Unreachable",
            Self::Truncated { .. } => "Truncated",
            Self::TlsFailed { .. } => "TlsFailed",
            Self::AddressRefused { .. } => "AddressRefused",
            Self::Timeout { .. } => "Timeout",
            Self::DigestMismatch { .. } => "DigestMismatch",
            Self::DigestInvalid => "DigestInvalid",
            Self::ManifestTooLarge { .. } => "ManifestTooLarge",
            Self::ManifestInvalid(_) => "ManifestInvalid",
            Self::RealmRefused(_) => "RealmRefused",
            Self::TokenInvalid(_) => "TokenInvalid",
            Self::Blocked(_) => "Blocked",
            Self::RedirectRefused(_) => "RedirectRefused",
        }
    }

    /// Whether asking again is worth it, and when.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Deferred { left: wait }
            | Self::RateLimited { retry_after: Some(wait) }
            | Self::ServerError { retry_after: Some(wait), .. } => Retry::After(*wait),
            Self::RateLimited { .. }
            | Self::ServerError { .. }
            | Self::UnexpectedAnswer { .. }
            | Self::Unreachable { .. }
            | Self::Truncated { .. }
            | Self::Timeout { .. }
            | Self::Moved(_)
            | Self::StorageFull { .. }
            | Self::PartsLost
            | Self::UploadFailed { .. }
            | Self::SizeMismatch { .. }
            | Self::DigestMismatch { .. }
            | Self::TokenInvalid(_) => Retry::Soon,
            Self::Unauthorized { .. }
            | Self::NotFound
            | Self::PartMissing(_)
            | Self::ReadOnly { .. }
            | Self::ListInvalid
            | Self::TooMuch { .. }
            | Self::TlsFailed { .. }
            | Self::AddressRefused { .. }
            | Self::DigestInvalid
            | Self::ManifestTooLarge { .. }
            | Self::ManifestInvalid(_)
            | Self::RealmRefused(_)
            | Self::Blocked(_)
            | Self::RedirectRefused(_) => Retry::WhenChanged,
        }
    }

    /// Whether the registry wants to be left alone for a while.
    pub(crate) fn is_throttle(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::ServerError { retry_after: Some(_), .. })
    }

    /// The same, with how long it lasts by now, where that is known.
    pub(crate) fn lasting(mut self, left: Option<Duration>) -> Self {
        if let (Self::RateLimited { retry_after } | Self::ServerError { retry_after, .. }, Some(_)) =
            (&mut self, left)
        {
            *retry_after = left;
        }
        self
    }

    /// Whether the very same request may well succeed within seconds.
    pub(crate) fn passes_soon(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::ServerError { .. }
                | Self::Unreachable { .. }
                | Self::Truncated { .. }
                | Self::Timeout { .. }
                | Self::UploadFailed { problem: UploadProblem::SessionLost | UploadProblem::Count, .. }
        )
    }
}

/// Text from elsewhere, in one line of bounded length with its control characters escaped.
pub(crate) fn shown(text: impl fmt::Display) -> String {
    text.to_string().chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_refused_names_the_flag_where_there_is_one() {
        let refused = |address: &str, kind| {
            Fault::AddressRefused { host: "a.io:5000".into(), address: address.parse().unwrap(), kind }
                .to_string()
        };
        assert_eq!(
            refused("10.0.0.1", AddressKind::Private),
            "a.io:5000 is at 10.0.0.1, a private address, which is connected to only when tagger is started with --private-registry a.io:5000"
        );
        assert_eq!(
            refused("169.254.169.254", AddressKind::LinkLocal),
            "a.io:5000 is at 169.254.169.254, a link-local address, which no registry may have"
        );
    }

    #[test]
    fn an_address_is_not_said_to_be_at_itself() {
        let (host, address) = ("10.0.0.1:5000".to_owned(), "10.0.0.1".parse().unwrap());
        let fault = Fault::AddressRefused { host, address, kind: AddressKind::Private };
        assert!(fault.to_string().starts_with("10.0.0.1:5000 is a private address, which"), "{fault}");
    }

    #[test]
    fn a_registry_that_speaks_plain_http_is_told_with_the_flag() {
        let fault = Fault::TlsFailed { host: "a.io:5000".into(), problem: TlsProblem::PlainHttp };
        assert_eq!(
            fault.to_string(),
            "no secure connection to a.io:5000: it answers plain HTTP; start tagger with --insecure-registry a.io:5000, or give it a certificate"
        );
    }

    #[test]
    fn text_from_elsewhere_is_one_bounded_line() {
        assert_eq!(shown("a\nb\u{1b}[0m"), "a\\nb\\u{1b}[0m");
        assert_eq!(shown("x".repeat(1000)).len(), 200);
    }
}
