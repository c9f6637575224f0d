//! Who gives credentials, and what they are.

mod credential;
mod docker_config;
mod file;
mod for_registry;
mod pattern;
mod user;

pub use credential::Credential;
pub(crate) use credential::{CredentialId, CredentialKind};
pub use docker_config::{DockerConfig, DockerConfigError};
pub use file::{DockerConfigFile, DockerConfigFileError};
pub use for_registry::ForRegistry;
use tagger_core::reference::{Registry, Repository};
pub use user::{HelperProblem, UserConfig, UserConfigWarning};

/// Gives the credentials that may be shown to a registry for one of its repositories.
pub trait Keychain: Send + Sync {
    /// Those that match, the most specific first. The client tries each in turn, and anonymous access after them.
    ///
    /// Asked for each look-up, so it answers from memory, or remembers what it had to look for.
    fn credentials(&self, registry: &Registry, repository: &Repository) -> Vec<Credential>;
}

impl<K: Keychain + ?Sized> Keychain for std::sync::Arc<K> {
    fn credentials(&self, registry: &Registry, repository: &Repository) -> Vec<Credential> {
        self.as_ref().credentials(registry, repository)
    }
}

/// Several keychains as one: the credentials of the first one first.
impl Keychain for Vec<std::sync::Arc<dyn Keychain>> {
    fn credentials(&self, registry: &Registry, repository: &Repository) -> Vec<Credential> {
        self.iter().flat_map(|keychain| keychain.credentials(registry, repository)).collect()
    }
}

/// Gives no credential to anybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anonymous;

impl Keychain for Anonymous {
    fn credentials(&self, _: &Registry, _: &Repository) -> Vec<Credential> {
        Vec::new()
    }
}
