//! The client of registries, as the flags describe it.

use anyhow::{Context, Result};
use tagger_registry::{Anonymous, Authority, Client, DockerConfigFile, Settings};

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
    let settings = Settings {
        insecure: flags.insecure.clone(),
        private: private.collect(),
        private_everywhere: flags.private.contains(&Hosts::All),
        authorities: authorities.collect::<Result<_>>()?,
        unqualified: flags.unqualified.clone(),
        ..Settings::default()
    };
    let client = match &flags.docker_config {
        None => Client::new(settings, Anonymous),
        Some(file) => Client::new(settings, DockerConfigFile::open(file).context("--docker-config")?),
    };
    client.context("the flags for registries can't be honoured")
}
