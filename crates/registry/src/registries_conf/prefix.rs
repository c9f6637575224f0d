use std::fmt;

use tagger_core::reference::{Registry, Repository};

use super::error::{ConfProblem, NameProblem};
use super::name::Name;

/// Which images a `[[registry]]` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Those below this name, and the one that has it.
    Name(Name),
    /// Those on hosts with this ending, whose first character is a dot.
    Subdomains(String),
}

impl Prefix {
    pub(super) fn parse(text: &str) -> Result<Self, ConfProblem> {
        let Some(domain) = text.strip_prefix("*.") else {
            return match text.contains('*') {
                true => Err(ConfProblem::Star(text.to_owned())),
                false => named("prefix", text).map(Self::Name),
            };
        };
        match domain.parse::<Registry>() {
            Ok(host) if host.port().is_none() && host.ip().is_none() => {
                Ok(Self::Subdomains(format!(".{}", domain.to_ascii_lowercase())))
            }
            _ => Err(ConfProblem::Star(text.to_owned())),
        }
    }

    /// What of the repository is behind the prefix, if the prefix is one of it: empty where it is the whole name.
    ///
    /// A port that says what is meant without it is no difference, so that nobody gets round a blocked prefix with `:443`.
    pub(super) fn rest<'a>(
        &self,
        registry: &Registry,
        repository: &'a Repository,
        usual_port: u16,
    ) -> Option<&'a str> {
        let port = |registry: &Registry| registry.port().unwrap_or(usual_port);
        let repository = repository.as_str();
        match self {
            Self::Name(name) => {
                let same = name.registry.host() == registry.host() && port(&name.registry) == port(registry);
                match &name.path {
                    _ if !same => None,
                    None => Some(repository),
                    Some(path) => {
                        let rest = repository.strip_prefix(path.as_str())?;
                        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
                    }
                }
            }
            Self::Subdomains(ending) => {
                let below =
                    registry.host().ends_with(ending.as_str()) && registry.host().len() > ending.len();
                (below && port(registry) == usual_port).then_some(repository)
            }
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Subdomains(ending) => write!(f, "*{ending}"),
        }
    }
}

/// Reads the value of a key that is a registry or a path in one.
pub(super) fn named(key: &'static str, text: &str) -> Result<Name, ConfProblem> {
    text.parse().map_err(|why: NameProblem| ConfProblem::Name { key, text: text.to_owned(), why })
}
