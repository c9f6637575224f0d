//! What a namespace holds of credentials. Pure: read from what was listed.

use std::sync::Arc;

use tagger_registry::DockerConfig;

use super::listing::{Damage, Lack, Listed};

/// How many damages are told at once.
const TOLD: usize = 4;

/// The credentials of a namespace as one config, and what is wrong with them.
pub(super) struct Held {
    pub(super) config: Arc<DockerConfig>,
    /// Why this may not be all that there is.
    pub(super) lack: Option<Lack>,
    damaged: Vec<(String, Damage)>,
}

impl From<Listed> for Held {
    /// The most specific entry of all Secrets comes first. Of equally specific ones, those come first that Pods of the
    /// namespace pull with, in their order, and then the others by name.
    fn from(listed: Listed) -> Self {
        let Listed { mut secrets, preferred, lack } = listed;
        let place = |name: &str| preferred.iter().position(|known| known == name).unwrap_or(usize::MAX);
        secrets.sort_by(|one, other| (place(&one.name), &one.name).cmp(&(place(&other.name), &other.name)));
        let (mut configs, mut damaged) = (Vec::new(), Vec::new());
        for secret in secrets {
            let damages = secret.damages.into_iter();
            damaged.extend(damages.map(|damage| (secret.name.clone(), damage)));
            configs.push(secret.config);
        }
        Self { config: Arc::new(DockerConfig::merged(configs)), lack, damaged }
    }
}

impl Held {
    /// Why there may be more credentials in a moment. A right that is missing is not a matter of moments.
    pub(super) fn passing_lack(&self) -> Option<&Lack> {
        self.lack.as_ref().filter(|lack| matches!(lack, Lack::Failed(_)))
    }

    /// Which Secrets are damaged and where, and nothing of what is in them. None where all are well.
    pub(super) fn damages(&self) -> Option<String> {
        let told = self.damaged.iter().take(TOLD);
        let mut told: Vec<String> =
            told.map(|(name, damage)| format!("the Secret {name} is damaged: {damage}")).collect();
        if self.damaged.len() > TOLD {
            told.push(format!("and {} more", self.damaged.len() - TOLD));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::listing::{Form, Secret};
    use rstest::rstest;
    use tagger_registry::{Credential, Keychain};

    fn secret(name: &str, entries: &[&str]) -> Secret {
        let entry = |host: &&str| format!(r#""{host}":{{"username":"{name} {host}","password":"hunter2"}}"#);
        let entries: Vec<String> = entries.iter().map(entry).collect();
        Secret::read(name.into(), Form::Legacy, Some(format!("{{{}}}", entries.join(",")).as_bytes()))
    }

    fn held(secrets: Vec<Secret>, preferred: &[&str]) -> Held {
        let preferred = preferred.iter().map(|name| (*name).to_owned()).collect();
        Held::from(Listed { secrets, preferred, lack: None })
    }

    fn same(one: &[Credential], users: &[&str]) -> bool {
        let wanted = users.iter().map(|user| Credential::basic(*user, "hunter2".into()));
        one.iter().map(|credential| format!("{credential:?}")).eq(wanted.map(|wanted| format!("{wanted:?}")))
    }

    #[rstest]
    #[case::by_name(&[], &["a quay.io/team", "b quay.io/team", "a quay.io", "b quay.io", "c quay.io", "c *.io"])]
    #[case::as_pods_pull(&["c", "gone", "b"], &["b quay.io/team", "a quay.io/team", "c quay.io", "b quay.io", "a quay.io", "c *.io"])]
    fn the_most_specific_entry_of_all_secrets_comes_first(
        #[case] preferred: &[&str],
        #[case] order: &[&str],
    ) {
        let secrets = vec![
            secret("b", &["quay.io", "quay.io/team"]),
            secret("c", &["*.io", "quay.io", "ghcr.io"]),
            secret("a", &["quay.io/team", "quay.io"]),
        ];
        let held = held(secrets, preferred);
        let given = held.config.credentials(&"quay.io".parse().unwrap(), &"team/app".parse().unwrap());
        assert!(same(&given, order), "{given:?}");
        assert_eq!(held.damages(), None);
    }

    #[test]
    fn a_damaged_secret_stops_no_other_and_is_named_without_its_content() {
        let bad = |name: &str, text: &[u8]| Secret::read(name.into(), Form::Json, Some(text));
        let secrets = vec![
            bad("broken", b"hunter2"),
            bad("half", br#"{"auths":{"ghcr.io":{"auth":"hunter2!"},"quay.io":{"username":"half"}}}"#),
            Secret::read("empty".into(), Form::Json, None),
            bad("large", &vec![b' '; 1024 * 1024]),
            secret("well", &["quay.io"]),
        ];
        let held = held(secrets, &[]);
        assert_eq!(held.config.len(), 2);
        assert_eq!(
            held.damages().unwrap(),
            "the Secret broken is damaged: it is no docker config: it must be a JSON object, with `auths` in it; \
             the Secret empty is damaged: it has no .dockerconfigjson; \
             the Secret half is damaged: the `auth` of the entry ghcr.io must be the base64 of user:password; \
             the Secret large is damaged: its .dockerconfigjson has more than 262144 bytes"
        );
    }

    #[rstest]
    #[case::nothing(None, false)]
    #[case::no_right(Some(Lack::Forbidden), false)]
    #[case::too_many(Some(Lack::TooMany), false)]
    #[case::the_api_server_is_away(Some(Lack::Failed("timed out".into())), true)]
    fn what_is_missing_for_a_moment_is_told_from_what_is_missing(
        #[case] lack: Option<Lack>,
        #[case] passes: bool,
    ) {
        let held = Held::from(Listed { secrets: Vec::new(), preferred: Vec::new(), lack });
        assert_eq!(held.passing_lack().is_some(), passes);
    }
}
