//! The client of registries, as the flags describe it.

use std::path::Path;

use anyhow::{Context, Result};
use tagger_core::reference::Registry;
use tagger_registry::{Anonymous, Authority, Client, DockerConfigFile, Limits, RegistriesConf, Settings};

use crate::arguments::{Hosts, Registries};

/// Makes the client. A flag that can't be honoured is an error that names it.
pub(crate) fn client(flags: &Registries) -> Result<Client> {
    let authorities = flags.authorities.iter().map(|authority| {
        let file = authority.file.display();
        let pem =
            std::fs::read(&authority.file).with_context(|| format!("--registry-ca {file} can't be read"))?;
        Ok(Authority { registry: authority.registry.clone(), pem })
    });
    let private = flags.private.iter().filter_map(|hosts| match hosts {
        Hosts::One(registry) => Some(registry.clone()),
        Hosts::All => None,
    });
    let registries = flags.registries_conf.as_deref().map(registries_conf).transpose()?.unwrap_or_default();
    let settings = Settings {
        insecure: flags.insecure.clone(),
        private: private.collect(),
        private_everywhere: flags.private.contains(&Hosts::All),
        authorities: authorities.collect::<Result<_>>()?,
        unqualified: unqualified(&flags.unqualified, &registries),
        registries,
        limits: limits(flags),
        ..Settings::default()
    };
    let client = match &flags.docker_config {
        None => Client::new(settings, Anonymous),
        Some(file) => Client::new(settings, DockerConfigFile::open(file).context("--docker-config")?),
    };
    client.context("the flags for registries can't be honoured")
}

/// How many seconds' worth of requests may be made before the rate counts: what comes at once with a roll-out or a restart.
const BURST: u32 = 4;

fn limits(flags: &Registries) -> Limits {
    let burst = flags.rate.saturating_mul(BURST);
    Limits { requests: flags.requests.into(), rate: flags.rate, burst, ..Limits::default() }
}

fn registries_conf(file: &Path) -> Result<RegistriesConf> {
    let name = file.display();
    let text =
        std::fs::read_to_string(file).with_context(|| format!("--registries-conf {name} can't be read"))?;
    RegistriesConf::parse(&text).with_context(|| format!("--registries-conf {name} can't be used"))
}

/// Where names without a registry are looked for: the flag before the file, and the file before the default.
fn unqualified(flag: &[Registry], file: &RegistriesConf) -> Vec<Registry> {
    match (flag, file.unqualified()) {
        ([], None) => Settings::default().unqualified,
        ([], Some(listed)) => listed.to_vec(),
        (given, _) => given.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::the_flag(&["a.io"], "unqualified-search-registries = ['b.io', 'c.io']", &["a.io"])]
    #[case::the_file(&[], "unqualified-search-registries = ['b.io', 'c.io']", &["b.io", "c.io"])]
    #[case::neither(&[], "", &["docker.io"])]
    fn names_without_a_registry_are_looked_for_where_the_flag_says_or_else_the_file(
        #[case] flag: &[&str],
        #[case] file: &str,
        #[case] looked: &[&str],
    ) {
        let registries = |hosts: &[&str]| hosts.iter().map(|host| host.parse().unwrap()).collect::<Vec<_>>();
        let file = RegistriesConf::parse(file).unwrap();
        assert_eq!(unqualified(&registries(flag), &file), registries(looked));
    }

    #[test]
    fn a_file_that_cannot_be_honoured_is_named_with_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registries.conf");
        std::fs::write(&file, "[[registry]]\nlocation = 'a.io'\nmirror-by-digest-only = true\n").unwrap();
        let error = format!("{:#}", registries_conf(&file).unwrap_err());
        assert!(
            error.starts_with(&format!("--registries-conf {} can't be used: ", file.display())),
            "{error}"
        );
        assert!(error.contains("line 3: unknown field `mirror-by-digest-only`"), "{error}");
        let error = format!("{:#}", registries_conf(folder.path()).unwrap_err());
        assert!(error.contains("can't be read"), "{error}");
    }
}
