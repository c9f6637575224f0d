//! A docker `config.json`, as tenants put it into Secrets: the whole input is the file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tagger_core::reference::Reference;
use tagger_registry::{DockerConfig, DockerConfigError, Keychain};

use crate::assert_harmless;

const IMAGES: [&str; 4] =
    ["quay.io/company/myapp", "docker.io/library/alpine", "a.example.com:5000/x/y", "[::1]:5000/z"];

/// What is put in the place of each secret, to be looked for: a secret of the input's own may stand in words of ours.
const SECRET: &str = "zq7-planted-xk3";

type Read = fn(&[u8]) -> (DockerConfig, Vec<DockerConfigError>);

/// No problem and no print shows what an entry holds; a whole file and one that is read as far as it can be agree.
pub fn check(input: &[u8]) {
    assert_eq!(DockerConfig::parse(input).is_ok(), DockerConfig::salvage(input).1.is_empty());
    assert_eq!(DockerConfig::parse_legacy(input).is_ok(), DockerConfig::salvage_legacy(input).1.is_empty());
    let forms: [(Read, &str); 2] = [(DockerConfig::salvage, "/auths"), (DockerConfig::salvage_legacy, "")];
    for (read, entries) in forms {
        told(read, input);
        let Ok(mut file) = serde_json::from_slice::<Value>(input) else { continue };
        // libFuzzer learns what it is compared with, and then writes it into names.
        if [SECRET, &login()].iter().any(|secret| file.to_string().contains(secret)) {
            continue;
        }
        let entries = file.pointer_mut(entries).and_then(Value::as_object_mut);
        entries.into_iter().flat_map(serde_json::Map::values_mut).for_each(plant);
        for told in told(read, file.to_string().as_bytes()) {
            assert!(!told.contains(SECRET) && !told.contains(&login()), "a secret is shown: {told}");
        }
    }
}

/// All that is told of a file: its problems, its print, and that of the credentials that are found in it.
fn told(read: Read, file: &[u8]) -> Vec<String> {
    let (config, problems) = read(file);
    let mut told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    told.iter().for_each(|told| assert_harmless(told, 0));
    told.push(format!("{config:?}"));
    for image in IMAGES.iter().filter_map(|image| image.parse::<Reference>().ok()) {
        let Some(registry) = image.registry() else { continue };
        let found = config.credentials(registry, image.repository());
        assert!(found.len() <= config.len());
        told.extend(found.iter().map(|credential| format!("{credential:?}")));
    }
    told
}

/// Puts the secret into every text of an entry but the name of the user, within a login where there was one.
fn plant(entry: &mut Value) {
    match entry {
        Value::String(text) => {
            let is_login = STANDARD.decode(&*text).is_ok_and(|login| login.contains(&b':'));
            *text = if is_login { login() } else { SECRET.to_owned() };
        }
        Value::Array(parts) => parts.iter_mut().for_each(plant),
        Value::Object(fields) => {
            fields.iter_mut().filter(|(name, _)| *name != "username").for_each(|(_, field)| plant(field));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The secret as `auth` holds it: a user and a password in base64.
fn login() -> String {
    STANDARD.encode(format!("me:{SECRET}"))
}
