use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

/// Holds what a registry may be shown. Its secrets can't be printed.
#[derive(Clone, Debug)]
pub struct Credential {
    kind: CredentialKind,
    id: CredentialId,
}

#[derive(Clone, Debug)]
pub(crate) enum CredentialKind {
    Basic { username: String, password: SecretString },
    IdentityToken(SecretString),
}

/// Tells credentials apart, so that nothing that one of them earned is used for another; a hash, from which nothing of
/// the secret can be had.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CredentialId([u8; 32]);

impl std::fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CredentialId(_)")
    }
}

impl Credential {
    /// A user name and its password, or the access token that stands for one.
    pub fn basic(username: impl Into<String>, password: SecretString) -> Self {
        let username = username.into();
        let id = CredentialId::of(&["basic", &username, password.expose_secret()]);
        Self { kind: CredentialKind::Basic { username, password }, id }
    }

    /// An OAuth 2 refresh token, the `identitytoken` of a docker config.
    pub fn identity_token(token: SecretString) -> Self {
        let id = CredentialId::of(&["identity", token.expose_secret()]);
        Self { kind: CredentialKind::IdentityToken(token), id }
    }

    pub(crate) fn kind(&self) -> &CredentialKind {
        &self.kind
    }

    pub(crate) fn id(&self) -> CredentialId {
        self.id
    }
}

impl CredentialId {
    /// The length goes in with each part, so that no two lists of parts look alike.
    fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_can_not_be_printed() {
        let basic = Credential::basic("me", "hunter2".into());
        let token = Credential::identity_token("hunter2".into());
        assert!(!format!("{basic:?}{token:?}{:#?}", basic.kind()).contains("hunter2"));
    }

    #[test]
    fn credentials_are_told_apart_by_all_of_their_parts() {
        let id = |user: &str, password: &str| Credential::basic(user, password.into()).id();
        assert_eq!(id("a", "bc"), id("a", "bc"));
        assert_ne!(id("a", "bc"), id("ab", "c"));
        assert_ne!(id("a", "b"), Credential::identity_token("b".into()).id());
    }
}
