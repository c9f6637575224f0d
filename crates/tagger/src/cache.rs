//! The cache, as the flags and the environment describe it.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tagger_controller::cache::{CacheAddress, CacheSettings};
use tagger_registry::{Credential, DockerConfigFile, ForRegistry, Keychain};

use crate::arguments::{Cache, Given};

/// The variable of the password. There is no flag: whoever may list processes would read it.
const PASSWORD: &str = "CACHE_REGISTRY_PASSWORD";

/// Where the cache is. `password` is that of the environment; `inside` tells that this process is in a Pod.
pub(crate) fn settings(flags: &Cache, password: Option<String>, inside: bool) -> Result<CacheSettings> {
    let push = Given::value(&flags.registry).cloned();
    let mut keychains: Vec<Arc<dyn Keychain>> = Vec::new();
    if let Some(own) = credential(flags, push.as_ref(), password)? {
        keychains.push(Arc::new(own));
    }
    if let Some(file) = &flags.docker_config {
        keychains.push(Arc::new(DockerConfigFile::open(file).context("--cache-docker-config")?));
    }
    Ok(CacheSettings {
        push,
        refer: Given::value(&flags.reference_address).cloned(),
        insecure: flags.insecure,
        inside,
        keychain: Arc::new(keychains),
    })
}

/// The password in the environment.
pub(crate) fn password() -> Option<String> {
    std::env::var(PASSWORD).ok()
}

/// A user name and its password are for the registry that was named with them: one that a ConfigMap names is not shown them.
fn credential(
    flags: &Cache,
    push: Option<&CacheAddress>,
    password: Option<String>,
) -> Result<Option<ForRegistry>> {
    let password = password.filter(|password| !password.is_empty());
    let (user, password) = match (Given::value(&flags.username), password) {
        (None, None) => return Ok(None),
        (Some(_), None) => bail!("CACHE_REGISTRY_USERNAME (--cache-username) needs {PASSWORD}"),
        (None, Some(_)) => bail!("{PASSWORD} needs CACHE_REGISTRY_USERNAME"),
        (Some(user), Some(password)) => (user, password),
    };
    let Some(push) = push else {
        bail!(
            "CACHE_REGISTRY_USERNAME and {PASSWORD} need CACHE_REGISTRY_ADDRESS, the registry they are for"
        );
    };
    if user.contains(':') {
        bail!("CACHE_REGISTRY_USERNAME has a colon in it, which no registry can be sent");
    }
    let credential = Credential::basic(user.clone(), password.into());
    Ok(Some(ForRegistry { registry: push.registry().clone(), credential }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn flags(address: &str, user: &str) -> Cache {
        Cache {
            registry: Some(address.parse().unwrap()),
            reference_address: None,
            insecure: false,
            username: Some(user.parse().unwrap()),
            docker_config: None,
        }
    }

    #[test]
    fn the_password_is_for_the_cache_alone_and_is_not_printed() {
        let settings = settings(&flags("a.io:5000/mirror", "me"), Some("hunter2".into()), true).unwrap();
        let given = |registry: &str| {
            settings.keychain.credentials(&registry.parse().unwrap(), &"mirror/a".parse().unwrap()).len()
        };
        assert_eq!((given("a.io:5000"), given("a.io"), given("b.io:5000")), (1, 0, 0));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[rstest]
    #[case("a.io", "", None, Ok(()))]
    #[case("a.io", "", Some(""), Ok(()))]
    #[case("", "", None, Ok(()))]
    #[case("a.io", "me", None, Err("needs CACHE_REGISTRY_PASSWORD"))]
    #[case("a.io", "", Some("hunter2"), Err("needs CACHE_REGISTRY_USERNAME"))]
    #[case("", "me", Some("hunter2"), Err("need CACHE_REGISTRY_ADDRESS"))]
    #[case("a.io", "m:e", Some("hunter2"), Err("a colon in it"))]
    fn half_a_credential_is_an_error(
        #[case] address: &str,
        #[case] user: &str,
        #[case] password: Option<&str>,
        #[case] outcome: Result<(), &str>,
    ) {
        let found = settings(&flags(address, user), password.map(str::to_owned), true);
        match (found, outcome) {
            (Ok(_), Ok(())) => {}
            (Err(found), Err(expected)) => {
                let found = format!("{found:#}");
                assert!(found.contains(expected) && !found.contains("hunter2"), "{found}");
            }
            (found, _) => panic!("{found:?}"),
        }
    }
}
