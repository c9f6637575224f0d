use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use tagger_core::reference::{Registry, Repository};

use super::pattern::Pattern;
use super::{Credential, Keychain};
use crate::fault::shown;

/// Reads credentials as `docker login` writes them and `kubernetes.io/dockerconfigjson` Secrets hold them.
///
/// Entries are matched as the kubelet does: host, port, a prefix of the path, `*` within a label of the host;
/// `https://index.docker.io/v1/` is docker.io. Credential helpers are programs, and are not run.
///
/// ```
/// use tagger_registry::{DockerConfig, Keychain};
///
/// let config = DockerConfig::parse(br#"{"auths": {"quay.io": {"username": "me", "password": "secret"}}}"#)?;
/// assert_eq!(config.credentials(&"quay.io".parse()?, &"company/myapp".parse()?).len(), 1);
/// assert_eq!(config.credentials(&"ghcr.io".parse()?, &"company/myapp".parse()?).len(), 0);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct DockerConfig {
    entries: Vec<(Pattern, Credential)>,
}

/// Says why a docker config can't be used. Names the entry, and never quotes what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerConfigError {
    /// It is no JSON object of the right shape.
    #[error("it is no docker config: it must be a JSON object, with `auths` in it")]
    NotAConfig,
    /// An entry's name is no registry.
    #[error("the entry {} names no registry; write host[:port][/path]", .0)]
    Name(String),
    /// An entry is no object of texts.
    #[error("the entry {} must be an object with `auth`, or with `username` and `password`", .0)]
    Shape(String),
    /// `auth` is not what it has to be.
    #[error("the `auth` of the entry {} must be the base64 of user:password", .0)]
    Auth(String),
    /// There is a user name that can't be sent.
    #[error("the user name of the entry {} has a colon in it, which no registry can be sent", .0)]
    Username(String),
}

impl DockerConfigError {
    /// One fixed word for all of them, good as a condition reason, an Event reason and a metric label.
    pub fn reason(&self) -> &'static str {
        "CredentialsInvalid"
    }
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
}

impl DockerConfig {
    /// Reads a `config.json`, the content of `.dockerconfigjson`.
    pub fn parse(json: &[u8]) -> Result<Self, DockerConfigError> {
        Self::whole(Self::salvage(json))
    }

    /// Reads the older form without `auths` around it, the content of `.dockercfg`.
    pub fn parse_legacy(json: &[u8]) -> Result<Self, DockerConfigError> {
        Self::whole(Self::salvage_legacy(json))
    }

    /// Reads a `config.json` as far as it can be: a damaged entry does not stop the others, and is told.
    pub fn salvage(json: &[u8]) -> (Self, Vec<DockerConfigError>) {
        #[derive(Deserialize)]
        struct Config {
            auths: Option<BTreeMap<String, Value>>,
        }
        Self::from_entries(
            serde_json::from_slice(json).map(|config: Config| config.auths.unwrap_or_default()),
        )
    }

    /// Reads the older form as far as it can be.
    pub fn salvage_legacy(json: &[u8]) -> (Self, Vec<DockerConfigError>) {
        Self::from_entries(serde_json::from_slice(json))
    }

    /// Several configs as one: the most specific entry of all comes first, and of equally specific ones that of the
    /// earlier config.
    pub fn merged(configs: impl IntoIterator<Item = Self>) -> Self {
        let mut entries: Vec<_> = configs.into_iter().flat_map(|config| config.entries).collect();
        entries.sort_by_key(|(pattern, _)| pattern.specific());
        Self { entries }
    }

    /// How many credentials there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no credential at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn whole((config, problems): (Self, Vec<DockerConfigError>)) -> Result<Self, DockerConfigError> {
        problems.into_iter().next().map_or(Ok(config), Err)
    }

    fn from_entries(raw: serde_json::Result<BTreeMap<String, Value>>) -> (Self, Vec<DockerConfigError>) {
        let Ok(raw) = raw else { return (Self::default(), vec![DockerConfigError::NotAConfig]) };
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        for (name, value) in raw {
            match Entry::read(&name, value) {
                Ok(entry) => entries.extend(entry),
                Err(problem) => problems.push(problem),
            }
        }
        (Self::merged([Self { entries }]), problems)
    }
}

impl Keychain for DockerConfig {
    fn credentials(&self, registry: &Registry, repository: &Repository) -> Vec<Credential> {
        let matching = self.entries.iter().filter(|(pattern, _)| pattern.matches(registry, repository));
        matching.map(|(_, credential)| credential.clone()).collect()
    }
}

impl Entry {
    fn read(name: &str, value: Value) -> Result<Option<(Pattern, Credential)>, DockerConfigError> {
        let pattern = Pattern::parse(name).ok_or_else(|| DockerConfigError::Name(shown(name)))?;
        let entry = Self::deserialize(value).map_err(|_| DockerConfigError::Shape(shown(name)))?;
        Ok(entry.credential(name)?.map(|credential| (pattern, credential)))
    }

    /// None for an entry that only says that a helper has the credential. `auth` counts before the two fields, and an
    /// identity token before both, as docker has it.
    fn credential(self, name: &str) -> Result<Option<Credential>, DockerConfigError> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credential::identity_token(self.identitytoken.into())));
        }
        let (username, password) = match self.auth.is_empty() {
            false => decode(&self.auth).ok_or_else(|| DockerConfigError::Auth(shown(name)))?,
            true => (self.username, SecretString::from(self.password)),
        };
        if username.contains(':') {
            return Err(DockerConfigError::Username(shown(name)));
        }
        Ok((!username.is_empty()).then(|| Credential::basic(username, password)))
    }
}

fn decode(auth: &str) -> Option<(String, SecretString)> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    // Tools that encode break long lines, which the kubelet's decoder passes over.
    let auth: String = auth.split_whitespace().collect();
    let bytes = GeneralPurpose::new(&STANDARD, config).decode(auth).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    // Some clients end the password with NULs.
    Some((username.to_owned(), password.trim_end_matches('\0').into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::CredentialKind;
    use rstest::rstest;
    use secrecy::ExposeSecret;
    use tagger_core::reference::Reference;

    fn given(config: &DockerConfig, image: &str) -> Vec<String> {
        let image: Reference = image.parse().unwrap();
        let credentials = config.credentials(image.registry().unwrap(), image.repository());
        let text = |credential: &Credential| match credential.kind() {
            CredentialKind::Basic { username, password } => {
                format!("{username}:{}", password.expose_secret())
            }
            CredentialKind::IdentityToken(token) => format!("token {}", token.expose_secret()),
        };
        credentials.iter().map(text).collect()
    }

    #[rstest]
    #[case::fields(r#"{"username":"me","password":"secret"}"#, &["me:secret"])]
    #[case::auth(r#"{"auth":"bWU6c2VjcmV0"}"#, &["me:secret"])]
    #[case::auth_unpadded(r#"{"auth":"bWU6c2VjcmV0cw"}"#, &["me:secrets"])]
    #[case::auth_padded(r#"{"auth":"bWU6c2VjcmV0cw=="}"#, &["me:secrets"])]
    #[case::auth_in_lines(r#"{"auth":"bWU6\nc2VjcmV0cw==\n"}"#, &["me:secrets"])]
    #[case::auth_with_nul(r#"{"auth":"bWU6c2VjcmV0AA=="}"#, &["me:secret"])]
    #[case::auth_before_fields(r#"{"auth":"bWU6c2VjcmV0","username":"x","password":"y"}"#, &["me:secret"])]
    #[case::colons_in_the_password(r#"{"auth":"bWU6YTpi"}"#, &["me:a:b"])]
    #[case::identity_token(r#"{"auth":"bWU6c2VjcmV0","identitytoken":"t"}"#, &["token t"])]
    #[case::helper(r#"{}"#, &[])]
    #[case::other_fields(r#"{"username":"me","password":"secret","email":"a@b.c"}"#, &["me:secret"])]
    fn an_entry_is_read(#[case] entry: &str, #[case] credentials: &[&str]) {
        let whole = format!(r#"{{"auths":{{"quay.io":{entry}}},"credsStore":"x"}}"#);
        assert_eq!(given(&DockerConfig::parse(whole.as_bytes()).unwrap(), "quay.io/a"), credentials);
        let legacy = format!(r#"{{"quay.io":{entry}}}"#);
        assert_eq!(given(&DockerConfig::parse_legacy(legacy.as_bytes()).unwrap(), "quay.io/a"), credentials);
    }

    #[test]
    fn the_most_specific_entry_comes_first_and_all_that_match_follow() {
        let config = DockerConfig::parse(
            br#"{"auths":{
                "*.io":{"username":"glob","password":""},
                "quay.io":{"username":"host","password":""},
                "quay.io/a":{"username":"path","password":""},
                "quay.io/b":{"username":"other","password":""},
                "https://index.docker.io/v1/":{"username":"hub","password":""}
            }}"#,
        );
        let config = config.unwrap();
        assert_eq!(given(&config, "quay.io/a/b"), ["path:", "host:", "glob:"]);
        assert_eq!(given(&config, "docker.io/fedora"), ["hub:", "glob:"]);
        assert!(given(&config, "registry.example.com/a").is_empty());
    }

    #[test]
    fn of_several_configs_the_most_specific_entry_comes_first_and_of_equal_ones_that_of_the_earlier_config() {
        let config = |json: &str| DockerConfig::parse_legacy(json.as_bytes()).unwrap();
        let first = config(r#"{"quay.io":{"username":"first"},"quay.io/z":{"username":"path z"}}"#);
        let second = config(r#"{"quay.io":{"username":"second"},"quay.io/a":{"username":"path a"}}"#);
        let third = config(r#"{"qua?.io":{"username":"glob"},"*.io/a/b":{"username":"longer path"}}"#);
        let merged = DockerConfig::merged([first.clone(), second.clone(), third.clone()]);
        let expected = ["longer path:", "path a:", "first:", "second:", "glob:"];
        assert_eq!(given(&merged, "quay.io/a/b"), expected);
        let turned = DockerConfig::merged([third, second, first]);
        assert_eq!(given(&turned, "quay.io/a/b"), ["longer path:", "path a:", "second:", "first:", "glob:"]);
        assert_eq!((merged.len(), merged.is_empty()), (6, false));
    }

    #[test]
    fn a_damaged_entry_does_not_stop_the_others() {
        let json = br#"{"auths":{"":{},"ghcr.io":{"auth":"!"},"quay.io":{"username":"me"}}}"#;
        let (config, problems) = DockerConfig::salvage(json);
        assert_eq!(given(&config, "quay.io/a"), ["me:"]);
        let expected = [DockerConfigError::Name(String::new()), DockerConfigError::Auth("ghcr.io".into())];
        assert_eq!(problems, expected);
        assert_eq!(DockerConfig::salvage_legacy(b"[]").1, [DockerConfigError::NotAConfig]);
    }

    #[rstest]
    #[case("hunter2", DockerConfigError::NotAConfig)]
    #[case(r#"{"auths":["hunter2"]}"#, DockerConfigError::NotAConfig)]
    #[case(r#"{"auths":{"quay.io":"hunter2"}}"#, DockerConfigError::Shape("quay.io".into()))]
    #[case(r#"{"auths":{"quay.io":{"auth":"hunter2!"}}}"#, DockerConfigError::Auth("quay.io".into()))]
    #[case(r#"{"auths":{"quay.io":{"auth":"aHVudGVyMg=="}}}"#, DockerConfigError::Auth("quay.io".into()))]
    #[case(r#"{"auths":{"quay.io":{"username":"hunter2:"}}}"#, DockerConfigError::Username("quay.io".into()))]
    #[case(r#"{"auths":{"quay\n.io":{}}}"#, DockerConfigError::Name("quay\\n.io".into()))]
    fn a_bad_config_names_the_entry_and_quotes_nothing(#[case] json: &str, #[case] error: DockerConfigError) {
        let found = DockerConfig::parse(json.as_bytes()).unwrap_err();
        assert_eq!(found, error);
        assert!(!found.to_string().contains("hunter2") && !found.to_string().contains('\n'), "{found}");
    }
}
