//! The one authority of all replicas, in a Secret: made if it is missing, made anew if it is of no use.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client, Error as KubeError};

use crate::authority::{Authority, AuthorityError};
use crate::bundle::Bundle;
use crate::verdict::{Reason, Verdict};

/// The name of the Secret.
pub const NAME: &str = "tagger-certificates";

/// The authority's certificate, as PEM.
pub const CERTIFICATE: &str = "ca.crt";

/// The authority's key, as PEM.
pub const KEY: &str = "ca.key";

/// The certificates of the authorities before this one, as PEM.
pub const PREVIOUS: &str = "previous.crt";

/// How often another replica may be faster before we give up for now.
const ATTEMPTS: usize = 5;

/// Why the authority can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The namespace is missing.
    #[error(
        "Secret {0}/{NAME} can't be made, since namespace {0} doesn't exist: apply the manifests, or `kubectl create namespace {0}`"
    )]
    NoNamespace(String),
    /// The operator may not.
    #[error("Secret {0}/{NAME} can't be read or written: {1}; apply the manifests, whose Role allows it")]
    Forbidden(String, String),
    /// Another replica was faster every time.
    #[error("Secret {0}/{NAME} was written by others each time; it is tried again")]
    Contended(String),
    /// The API server is away, or says no.
    #[error("Secret {namespace}/{NAME} can't be read or written: {source}; it is tried again")]
    Api {
        /// The operator's namespace.
        namespace: String,
        /// What the API server, or the way to it, said.
        source: KubeError,
    },
    /// An authority can't be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// The authority as all replicas have it, and what is trusted beside it.
#[derive(Debug)]
pub struct Held {
    /// The authority.
    pub authority: Authority,
    /// All that is trusted.
    pub bundle: Bundle,
}

/// Gets the authority, or makes it where there is none that is of use.
///
/// `served` is the certificate of the authority whose leaf is served at the moment: it stays trusted, even where the
/// Secret knows nothing of it any more. Of replicas that find nothing at the same time, one makes the authority, and the
/// others take that one.
pub async fn ensure(
    client: &Client,
    namespace: &str,
    served: Option<&str>,
    now: Timestamp,
) -> Result<Held, SecretError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let failed = |error| explained(namespace, error);
    for _ in 0..ATTEMPTS {
        let stored = api.get_opt(NAME).await.map_err(failed)?;
        let reason = match judge(stored.as_ref(), now) {
            Ok(held) => return Ok(held),
            Err(reason) => reason,
        };
        tracing::info!(secret = %format_args!("{namespace}/{NAME}"), why = %reason, "making a new authority");
        let (secret, held) = renewed(stored.as_ref(), served, now)?;
        let params = PostParams { field_manager: Some("tagger".into()), ..PostParams::default() };
        let written = match stored.is_some() {
            true => api.replace(NAME, &params, &secret).await,
            false => api.create(&params, &secret).await,
        };
        match written {
            Ok(_) => return Ok(held),
            Err(KubeError::Api(status)) if status.is_conflict() || status.is_already_exists() => {}
            Err(KubeError::Api(status)) if status.is_not_found() && stored.is_some() => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(SecretError::Contended(namespace.to_owned()))
}

/// Judges what the Secret holds: the authority, or why there has to be a new one.
pub fn judge(secret: Option<&Secret>, now: Timestamp) -> Result<Held, Reason> {
    let secret = secret.ok_or(Reason::Missing)?;
    let certificate = text(secret, CERTIFICATE).unwrap_or_default();
    let authority = Authority::load(certificate, text(secret, KEY).unwrap_or_default())
        .map_err(|error| Reason::Damaged(error.to_string()))?;
    match authority.validity().judge(now) {
        Verdict::Renew(reason) => Err(reason),
        Verdict::Keep => {
            let bundle = Bundle::new(authority.certificate(), text(secret, PREVIOUS), now);
            Ok(Held { authority, bundle })
        }
    }
}

/// Makes a new authority, and the Secret with it; what the old one trusted stays trusted, and its labels stay.
pub fn renewed(
    old: Option<&Secret>,
    served: Option<&str>,
    now: Timestamp,
) -> Result<(Secret, Held), AuthorityError> {
    let authority = Authority::generate(now)?;
    let stored = [CERTIFICATE, PREVIOUS].into_iter().filter_map(|key| text(old?, key));
    let bundle = Bundle::new(authority.certificate(), served.into_iter().chain(stored), now);
    let data = [
        (CERTIFICATE, authority.certificate().to_owned()),
        (KEY, authority.key()),
        (PREVIOUS, bundle.previous()),
    ];
    let data = data.into_iter().map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes())));
    let fresh = || Secret {
        metadata: ObjectMeta {
            name: Some(NAME.into()),
            labels: Some(BTreeMap::from([("app.kubernetes.io/managed-by".into(), "tagger".into())])),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".into()),
        ..Secret::default()
    };
    let mut secret = old.cloned().unwrap_or_else(fresh);
    secret.data.get_or_insert_default().extend(data);
    Ok((secret, Held { authority, bundle }))
}

fn text<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    str::from_utf8(&secret.data.as_ref()?.get(key)?.0).ok()
}

fn explained(namespace: &str, error: KubeError) -> SecretError {
    let namespace = namespace.to_owned();
    match error {
        KubeError::Api(status) if status.is_not_found() => SecretError::NoNamespace(namespace),
        KubeError::Api(status) if status.is_forbidden() => {
            SecretError::Forbidden(namespace, status.message.clone())
        }
        source => SecretError::Api { namespace, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use rstest::rstest;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn secret() -> Secret {
        renewed(None, None, now()).unwrap().0
    }

    fn with(key: &str, value: &[u8]) -> Secret {
        let mut secret = secret();
        secret.data.as_mut().unwrap().insert(key.into(), ByteString(value.into()));
        secret
    }

    fn without(key: &str) -> Secret {
        let mut secret = secret();
        secret.data.as_mut().unwrap().remove(key);
        secret
    }

    #[test]
    fn what_was_made_is_found_good() {
        let (secret, made) = renewed(None, None, now()).unwrap();
        let found = judge(Some(&secret), now()).unwrap();
        assert_eq!(found.authority.certificate(), made.authority.certificate());
        assert_eq!(found.bundle, made.bundle);
    }

    #[rstest]
    #[case::there_is_none(None)]
    #[case::it_is_empty(Some(Secret::default()))]
    #[case::its_certificate_is_missing(Some(without(CERTIFICATE)))]
    #[case::its_key_is_missing(Some(without(KEY)))]
    #[case::its_certificate_is_no_text(Some(with(CERTIFICATE, b"\xff")))]
    #[case::its_key_is_another_s(Some(with(KEY, &secret().data.unwrap()[KEY].0)))]
    fn a_new_authority_is_made_where(#[case] stored: Option<Secret>) {
        let reason = judge(stored.as_ref(), now()).unwrap_err();
        assert_eq!(reason == Reason::Missing, stored.is_none(), "{reason}");
        let (secret, _) = renewed(stored.as_ref(), None, now()).unwrap();
        judge(Some(&secret), now()).unwrap();
    }

    #[rstest]
    #[case::that_is_young(100, true)]
    #[case::that_is_old(365 * 7, false)]
    #[case::that_expired(365 * 11, false)]
    #[case::that_is_from_the_future(-2, false)]
    fn an_authority_counts(#[case] days: i64, #[case] good: bool) {
        let then = now() + SignedDuration::from_hours(24 * days);
        assert_eq!(judge(Some(&secret()), then).is_ok(), good);
    }

    #[test]
    fn a_secret_without_the_previous_ones_is_good_too() {
        judge(Some(&without(PREVIOUS)), now()).unwrap();
    }

    #[test]
    fn what_was_trusted_stays_trusted_and_people_s_labels_stay() {
        let served = Authority::generate(now()).unwrap();
        let mut old = secret();
        old.metadata.labels.as_mut().unwrap().insert("team".into(), "a".into());
        old.metadata.resource_version = Some("7".into());
        let (new, held) = renewed(Some(&old), Some(served.certificate()), now()).unwrap();
        assert!(held.bundle.trusts(served.certificate()));
        assert!(held.bundle.trusts(text(&old, CERTIFICATE).unwrap()));
        assert_eq!(judge(Some(&new), now()).unwrap().bundle, held.bundle);
        assert_eq!(new.metadata.labels.unwrap()["team"], "a");
        assert_eq!(new.metadata.resource_version.as_deref(), Some("7"), "so that a race is noticed");
    }

    #[test]
    fn a_missing_namespace_is_told_with_what_to_do() {
        let status = kube::core::Status::failure("namespaces \"t\" not found", "NotFound").with_code(404);
        let error = explained("t", KubeError::Api(Box::new(status)));
        assert!(error.to_string().contains("kubectl create namespace t"), "{error}");
    }
}
