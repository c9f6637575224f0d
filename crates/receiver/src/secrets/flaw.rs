use super::{MOST, SHORTEST};
use crate::provider::Provider;

/// Why a value of the Secret is not used. Nothing of the value is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The key is no provider's.
    #[error("the key {0:?} is not used: it is no provider's name")]
    Unknown(String),
    /// A line is too short.
    #[error(
        "the secret in line {line} of the key {provider} is not used: it has fewer than {SHORTEST} characters; make one with \
         `openssl rand -hex 32`"
    )]
    Short {
        /// Whose it is.
        provider: Provider,
        /// The line that it is in.
        line: usize,
    },
    /// A line can't stand in a path.
    #[error(
        "the secret in line {line} of the key {provider} is not used: it has a character that can't be in a path as it is, such \
         as /; make one with `openssl rand -hex 32`"
    )]
    Path {
        /// Whose it is.
        provider: Provider,
        /// The line that it is in.
        line: usize,
    },
    /// A line of Google's says something else than it must.
    #[error(
        "line {line} of the key google is not used: it must be the e-mail address of the service account and the audience of the \
         push subscription, with a space between"
    )]
    Identity {
        /// The line.
        line: usize,
    },
    /// There are too many lines.
    #[error("the key {0} has more than {MOST} lines; those behind them are not used")]
    Many(Provider),
    /// There is nothing there.
    #[error("the key {0} is empty")]
    Empty(Provider),
}
