//! The registration of the webhooks, kept as it is wanted: made where it is missing, put right where it differs.

mod agree;

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::PostParams;
use kube::{Api, Client, Error as KubeError, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bundle::Bundle;
use agree::agrees;

/// How often another replica may be faster before we give up for now.
const ATTEMPTS: usize = 5;

/// Both registrations, as they are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Webhooks {
    /// What asks about workloads.
    pub mutating: MutatingWebhookConfiguration,
    /// What asks about Tags.
    pub validating: ValidatingWebhookConfiguration,
}

/// Makes the registrations that are wanted: with the certificates of the authorities, as PEM, and with or without
/// `matchConditions`. Without them, nothing may fail closed.
pub type Build = Arc<dyn Fn(&str, bool) -> Webhooks + Send + Sync>;

/// Why a registration can't be written.
#[derive(Debug, thiserror::Error)]
pub enum InjectionError {
    /// The operator may not.
    #[error("{0} can't be read or written: {1}; apply the manifests, whose ClusterRole allows it")]
    Forbidden(String, String),
    /// Another replica was faster every time.
    #[error("{0} was written by others each time; it is tried again")]
    Contended(String),
    /// The registration that is wanted has no name.
    #[error("a webhook configuration without a name can't be written; give it one")]
    NoName,
    /// The API server is away, or says no.
    #[error("{name} can't be read or written: {source}; it is tried again")]
    Api {
        /// The kind and the name.
        name: String,
        /// What the API server, or the way to it, said.
        source: KubeError,
    },
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Whether `matchConditions` are in use.
    pub narrowed: bool,
    /// The bundle with which workloads were asked about before, as PEM.
    pub before: String,
    /// The bundle with which they are asked about now.
    pub bundle: String,
}

/// Writes both registrations, where they differ from what is wanted.
///
/// `bundle` says which certificates are wanted where these are stored, both as PEM: what another replica wrote in the
/// meantime is seen by it, and not written over. `conditions` says whether the server is of a version that knows
/// `matchConditions`. It is believed only where the server keeps them: a registration that fails closed must never lose
/// what narrows it down.
pub async fn publish(
    client: &Client,
    build: &Build,
    bundle: impl Fn(&str) -> String,
    conditions: bool,
) -> Result<Published, InjectionError> {
    let workloads = Api::all(client.clone());
    let mutating = |conditions| {
        let bundle = &bundle;
        move |stored: &str| build(&bundle(stored), conditions).mutating
    };
    let narrowed = match conditions {
        true => Some(ensure(&workloads, mutating(true)).await?).filter(|outcome| outcome.as_wanted),
        false => None,
    };
    let conditions = narrowed.is_some();
    let Outcome { before, now, .. } = match narrowed {
        Some(outcome) => outcome,
        None => ensure(&workloads, mutating(false)).await?,
    };
    let tags = Api::all(client.clone());
    ensure(&tags, |stored: &str| build(&bundle(stored), conditions).validating).await?;
    Ok(Published { narrowed: conditions, before, bundle: now })
}

/// How the API server took what was wanted, and the bundles from before and from now.
struct Outcome {
    /// No, where it dropped the conditions.
    as_wanted: bool,
    before: String,
    now: String,
}

async fn ensure<K: Configuration>(
    api: &Api<K>,
    wanted: impl Fn(&str) -> K,
) -> Result<Outcome, InjectionError> {
    let bare = wanted("");
    let name = bare.meta().name.as_deref().ok_or(InjectionError::NoName)?;
    let failed = |error| explained(&format!("{} {name}", K::kind(&())), error);
    for _ in 0..ATTEMPTS {
        let stored = api.get_opt(name).await.map_err(failed)?;
        let before = stored.as_ref().map(K::bundle).unwrap_or_default();
        let wanted = &wanted(&before);
        let outcome = |as_wanted| Outcome { as_wanted, now: wanted.bundle(), before: before.clone() };
        if stored.as_ref().is_some_and(|stored| agrees(stored, wanted)) {
            return Ok(outcome(true));
        }
        // The rehearsal shows what the server would keep, before it does any harm.
        match write(api, name, stored.as_ref(), wanted, true).await.map_err(failed)? {
            Some(rehearsed) if wanted.has_conditions() && !rehearsed.has_conditions() => {
                return Ok(outcome(false));
            }
            Some(_) => {}
            None => continue,
        }
        if let Some(written) = write(api, name, stored.as_ref(), wanted, false).await.map_err(failed)? {
            tracing::info!(configuration = %format_args!("{} {name}", K::kind(&())), "registered the webhook");
            return Ok(outcome(!wanted.has_conditions() || written.has_conditions()));
        }
    }
    Err(InjectionError::Contended(format!("{} {name}", K::kind(&()))))
}

/// Writes, or only rehearses it. Nothing, where somebody else wrote in between.
async fn write<K: Configuration>(
    api: &Api<K>,
    name: &str,
    stored: Option<&K>,
    wanted: &K,
    dry_run: bool,
) -> Result<Option<K>, KubeError> {
    let params = PostParams { dry_run, field_manager: Some("tagger".into()) };
    let written = match stored {
        Some(stored) => api.replace(name, &params, &merged(stored, wanted)).await,
        None => api.create(&params, wanted).await,
    };
    match written {
        Ok(written) => Ok(Some(written)),
        Err(KubeError::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(None),
        Err(KubeError::Api(status)) if status.is_not_found() && stored.is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is stored with the webhooks that are wanted, and the owner; the labels and annotations of people stay.
fn merged<K: Configuration>(stored: &K, wanted: &K) -> K {
    let mut merged = stored.clone();
    merged.labels_mut().extend(wanted.labels().clone());
    merged.annotations_mut().extend(wanted.annotations().clone());
    if !wanted.owner_references().is_empty() {
        merged.meta_mut().owner_references.clone_from(&wanted.meta().owner_references);
    }
    merged.take_webhooks(wanted);
    merged
}

fn explained(name: &str, error: KubeError) -> InjectionError {
    match error {
        KubeError::Api(status) if status.is_forbidden() => {
            InjectionError::Forbidden(name.to_owned(), status.message.clone())
        }
        source => InjectionError::Api { name: name.to_owned(), source },
    }
}

/// What the two kinds of registration have in common.
trait Configuration: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned {
    fn take_webhooks(&mut self, from: &Self);

    fn has_conditions(&self) -> bool;

    /// The certificates of all its webhooks, as PEM.
    fn bundle(&self) -> String;
}

fn bundle<'a>(configs: impl Iterator<Item = &'a WebhookClientConfig>) -> String {
    let bundles: Vec<_> = configs.filter_map(|config| config.ca_bundle.as_ref()).collect();
    let texts: Vec<_> = bundles.iter().map(|bundle| String::from_utf8_lossy(&bundle.0)).collect();
    Bundle::read(&texts.join("\n")).pem()
}

impl Configuration for MutatingWebhookConfiguration {
    fn take_webhooks(&mut self, from: &Self) {
        self.webhooks.clone_from(&from.webhooks);
    }

    fn has_conditions(&self) -> bool {
        let mut webhooks = self.webhooks.iter().flatten();
        webhooks.any(|webhook| webhook.match_conditions.iter().flatten().next().is_some())
    }

    fn bundle(&self) -> String {
        bundle(self.webhooks.iter().flatten().map(|webhook| &webhook.client_config))
    }
}

impl Configuration for ValidatingWebhookConfiguration {
    fn take_webhooks(&mut self, from: &Self) {
        self.webhooks.clone_from(&from.webhooks);
    }

    fn has_conditions(&self) -> bool {
        let mut webhooks = self.webhooks.iter().flatten();
        webhooks.any(|webhook| webhook.match_conditions.iter().flatten().next().is_some())
    }

    fn bundle(&self) -> String {
        bundle(self.webhooks.iter().flatten().map(|webhook| &webhook.client_config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_people_wrote_on_a_registration_stays() {
        let stored: MutatingWebhookConfiguration = serde_json::from_value(json!({
            "metadata": { "name": "tagger", "resourceVersion": "7", "labels": { "team": "a", "app": "old" } },
            "webhooks": [],
        }))
        .unwrap();
        let wanted = serde_json::from_value(json!({
            "metadata": { "name": "tagger", "labels": { "app": "tagger" } },
            "webhooks": [{ "name": "a", "admissionReviewVersions": ["v1"], "clientConfig": {}, "sideEffects": "None" }],
        }))
        .unwrap();
        let merged = merged(&stored, &wanted);
        assert_eq!(merged.labels()["team"], "a");
        assert_eq!(merged.labels()["app"], "tagger");
        assert_eq!(merged.metadata.resource_version.as_deref(), Some("7"), "so that a race is noticed");
        assert_eq!(merged.webhooks, wanted.webhooks);
    }
}
