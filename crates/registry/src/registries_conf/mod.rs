//! The file that tells other places to read images from: `registries.conf`, version 2, as containers-registries.conf(5)
//! describes it.
//!
//! Read are `unqualified-search-registries` and `[[registry]]` with `prefix`, `location`, `insecure`, `blocked` and
//! `[[registry.mirror]]`. Everything else is an error that names the line, so that nothing which the file asks for is left
//! undone without a word.

mod error;
mod file;
mod name;
mod places;
mod prefix;

use tagger_core::reference::Registry;

pub use error::{ConfProblem, NameProblem, RegistriesConfError};
pub use places::{NoPlace, Place};

use name::Name;
use prefix::Prefix;

/// Says where images are read from: what a `registries.conf` holds. The default is an empty file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistriesConf {
    unqualified: Option<Vec<Registry>>,
    /// The longest prefix first.
    namespaces: Vec<Namespace>,
}

/// What holds for the images whose names begin with a prefix: one `[[registry]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Namespace {
    prefix: Prefix,
    mirrors: Vec<Source>,
    /// None: where the name itself says, which is what a wildcard without `location` means.
    location: Option<Name>,
    insecure: bool,
    blocked: bool,
}

/// One `[[registry.mirror]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    location: Name,
    insecure: bool,
}

/// Which hosts something holds for.
pub(crate) enum Hosts<'a> {
    One(&'a Registry),
    /// Those with this ending, whose first character is a dot.
    Subdomains(&'a str),
}

impl RegistriesConf {
    /// Reads the text of a file.
    ///
    /// ```
    /// use tagger_registry::RegistriesConf;
    ///
    /// let error = RegistriesConf::parse("short-name-mode = \"enforcing\"").unwrap_err();
    /// assert!(error.to_string().starts_with("registries.conf, line 1: unknown field"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, RegistriesConfError> {
        file::read(text)
    }

    /// The hosts that are spoken to in plain HTTP.
    pub(crate) fn insecure(&self) -> impl Iterator<Item = Hosts<'_>> {
        self.namespaces.iter().filter(|namespace| !namespace.blocked).flat_map(|namespace| {
            let last = match (&namespace.location, &namespace.prefix) {
                (Some(location), _) | (None, Prefix::Name(location)) => Hosts::One(&location.registry),
                (None, Prefix::Subdomains(ending)) => Hosts::Subdomains(ending),
            };
            let mirrors = namespace.mirrors.iter().filter(|mirror| mirror.insecure);
            let mirrors = mirrors.map(|mirror| Hosts::One(&mirror.location.registry));
            mirrors.chain(namespace.insecure.then_some(last))
        })
    }

    /// Where names without a registry are looked for, where the file says so: never empty.
    pub fn unqualified(&self) -> Option<&[Registry]> {
        self.unqualified.as_deref()
    }
}
