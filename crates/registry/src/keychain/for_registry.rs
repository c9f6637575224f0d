use tagger_core::reference::{Registry, Repository};

use super::{Credential, Keychain};

/// One credential for one registry, and for no other.
#[derive(Clone, Debug)]
pub struct ForRegistry {
    /// The registry that may be shown it.
    pub registry: Registry,
    /// The credential.
    pub credential: Credential,
}

impl Keychain for ForRegistry {
    fn credentials(&self, registry: &Registry, _: &Repository) -> Vec<Credential> {
        (*registry == self.registry).then(|| self.credential.clone()).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_for_its_host_and_port_alone() {
        let registry = "cache.internal:5000".parse().unwrap();
        let keychain = ForRegistry { registry, credential: Credential::basic("me", "secret".into()) };
        let given =
            |registry: &str| keychain.credentials(&registry.parse().unwrap(), &"a".parse().unwrap()).len();
        assert_eq!(given("cache.internal:5000"), 1);
        assert_eq!(
            given("cache.internal") + given("cache.internal:5001") + given("a.cache.internal:5000"),
            0
        );
    }
}
