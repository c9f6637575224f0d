//! What is copied.

use std::fmt;

use serde::Serialize;

/// A copy, or several, that one of the tools makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scenario {
    /// One image that is hardly one: what a tool costs before it copies anything.
    Tiny,
    /// The large image, to a registry that has nothing of it.
    Cold,
    /// The large image, to where it is already.
    Warm,
    /// The large image with one of its ten layers changed, to where the first is.
    Changed,
    /// Many images that share all layers but one, each in a repository of its own.
    Many,
    /// An index of many platforms.
    Platforms,
    /// The large image, from memory to a registry that keeps nothing.
    Sink,
}

impl Scenario {
    /// All of them, in the order in which they must be made.
    pub(super) const ALL: [Self; 7] =
        [Self::Tiny, Self::Cold, Self::Warm, Self::Changed, Self::Many, Self::Platforms, Self::Sink];
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Tiny => "a tiny image",
            Self::Cold => "large, cold",
            Self::Warm => "large, warm",
            Self::Changed => "one layer changed",
            Self::Many => "many small images",
            Self::Platforms => "many platforms",
            Self::Sink => "large, to a sink",
        })
    }
}
