use tagger_core::reference::ReferenceError;

/// Says what in a `registries.conf` can't be honoured, and in which line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("registries.conf, line {line}: {problem}")]
pub struct RegistriesConfError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: ConfProblem,
}

/// Says what is wrong with a line of a `registries.conf`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfProblem {
    /// No TOML, an unknown key or a value of another type: in the words of the TOML reader.
    #[error("{0}")]
    Toml(String),
    /// Version 1 of the format.
    #[error(
        "this is version 1 of the format, which is not read; write unqualified-search-registries = [...] and [[registry]] tables instead"
    )]
    Version1,
    /// A registry with neither prefix nor location.
    #[error("this [[registry]] has neither prefix nor location; give it one of them")]
    Nameless,
    /// A mirror without a location.
    #[error("this [[registry.mirror]] has no location; give it one, such as mirror.example.com/path")]
    MirrorNowhere,
    /// A list of registries without any.
    #[error(
        "unqualified-search-registries names no registry; name at least one, or leave the key out for docker.io"
    )]
    NoUnqualified,
    /// The same prefix as an earlier registry.
    #[error("the prefix {prefix} is that of line {first} already; write one [[registry]] for both")]
    Repeated {
        /// The prefix.
        prefix: String,
        /// The line of the earlier one.
        first: usize,
    },
    /// A location or a prefix that is no registry, nor a path in one.
    #[error("{text:?} is no {key}: {why}; write host[:port][/path]")]
    Name {
        /// The key that has it.
        key: &'static str,
        /// The value.
        text: String,
        /// Why it is none.
        why: NameProblem,
    },
    /// A prefix with a star elsewhere than as its first label, or with a port or path behind it.
    #[error("{0:?} is no prefix: a star stands for subdomains of a whole host, as in *.example.com")]
    Star(String),
}

/// Says why a text is no registry, nor a path in one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// The host is no registry's, or the path no repository's.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The part before the first slash is no host by Docker's rule.
    #[error("a registry's host has a dot or a port, or is localhost")]
    NoHost,
    /// A tag or a digest.
    #[error("Tagger reads no tags and digests here")]
    Target,
    /// A path where only a host may be.
    #[error("it must be a host alone")]
    Path,
}
