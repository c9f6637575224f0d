//! A docker `config.json`, as tenants put it into Secrets: the whole input is the file.

use serde_json::Value;
use tagger_core::reference::Reference;
use tagger_registry::{DockerConfig, Keychain};

use crate::assert_harmless;

const IMAGES: [&str; 4] =
    ["quay.io/company/myapp", "docker.io/library/alpine", "a.example.com:5000/x/y", "[::1]:5000/z"];

/// The shortest text that is looked for as a secret: a shorter one stands in our own words.
const SECRET: usize = 8;

/// No problem and no print shows what an entry holds; a whole file and one that is read as far as it can be agree.
pub fn check(input: &[u8]) {
    for (salvaged, whole, entries) in [
        (DockerConfig::salvage(input), DockerConfig::parse(input), "/auths"),
        (DockerConfig::salvage_legacy(input), DockerConfig::parse_legacy(input), ""),
    ] {
        let (config, problems) = salvaged;
        assert_eq!(whole.is_ok(), problems.is_empty());
        let mut told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        told.iter().for_each(|told| assert_harmless(told, 0));
        told.push(format!("{config:?}"));
        let read = serde_json::from_slice::<Value>(input).unwrap_or_default();
        let entries = read.pointer(entries).and_then(Value::as_object);
        // Where a secret is also the name of an entry, that is what is told.
        let names: String = entries.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        for secret in entries.into_iter().flatten().flat_map(|(_, entry)| secrets(entry)) {
            let shown = told.iter().find(|told| told.contains(secret) && !names.contains(secret));
            assert_eq!(shown, None, "a secret is shown");
        }
        for image in IMAGES.iter().filter_map(|image| image.parse::<Reference>().ok()) {
            let Some(registry) = image.registry() else { continue };
            let found = config.credentials(registry, image.repository());
            assert!(found.len() <= config.len());
            assert!(found.iter().all(|credential| told.iter().all(|told| !told.is_empty())
                && !format!("{credential:?}").is_empty()));
        }
    }
}

/// What an entry holds that must not be shown.
fn secrets(entry: &Value) -> impl Iterator<Item = &str> {
    let fields =
        ["auth", "password", "identitytoken"].into_iter().filter_map(|field| entry.get(field)?.as_str());
    fields.filter(|secret| secret.len() >= SECRET && !"SecretString([REDACTED])".contains(*secret))
}
