//! The registries that a command asks, with the credentials of whoever runs it.

mod failure;
mod forward;
mod hosting;
mod probe;
mod reach;
mod route;

use tagger_registry::{Anonymous, Authority, Client, Detour, Settings};

use crate::arguments::RegistryFlags;
use crate::problem::Problem;

pub(crate) use failure::{told, told_of_repository};
pub(crate) use reach::Registries;

/// A client of registries, as the flags allow.
pub(crate) fn client(flags: &RegistryFlags) -> Result<Client, Problem> {
    client_by(flags, None)
}

/// The same, with one registry reached by a detour, and whether that speaks plain HTTP.
fn client_by(flags: &RegistryFlags, detour: Option<(Detour, bool)>) -> Result<Client, Problem> {
    let mut settings =
        Settings { insecure: flags.insecure.clone(), private_everywhere: true, ..Settings::default() };
    for file in &flags.authorities {
        let pem =
            std::fs::read(file).map_err(|error| Problem::File(format!("{}: {error}", file.display())))?;
        settings.authorities.push(Authority { registry: None, pem });
    }
    if let Some((detour, is_plain)) = detour {
        settings.insecure.extend(is_plain.then(|| detour.registry.clone()));
        settings.detours.push(detour);
    }
    Client::new(settings, Anonymous).map_err(|error| Problem::Invalid(error.to_string(), None))
}
