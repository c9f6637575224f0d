//! The Secrets of a namespace that hold credentials, read from the API server: page by page, and never more than is bounded.

use std::time::Duration;

use k8s_openapi::api::core::v1;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tagger_registry::{DockerConfig, DockerConfigError};
use tokio::time::timeout;

/// How many Secrets are read at once. Each may have a mebibyte.
const PAGE: u32 = 8;
/// How many Secrets of a type are read in a namespace.
const MOST_SECRETS: usize = 256;
/// How many credentials are taken from them.
const MOST_CREDENTIALS: usize = 4096;
/// How long a docker config may be, in bytes.
const LARGEST: usize = 256 * 1024;
/// How long the API server may take for it all.
const LONGEST: Duration = Duration::from_secs(10);
/// The ServiceAccount of Pods that name none.
const ACCOUNT: &str = "default";

/// What was found in a namespace.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) secrets: Vec<Secret>,
    /// The names of the Secrets that Pods of the namespace pull with unless told otherwise, in their order.
    pub(super) preferred: Vec<String>,
    pub(super) lack: Option<Lack>,
}

/// A Secret, as far as it can be used.
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) config: DockerConfig,
    pub(super) damages: Vec<Damage>,
}

/// What is wrong with a Secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its {0} has more than {LARGEST} bytes")]
    TooLarge(&'static str),
    #[error(transparent)]
    Config(#[from] DockerConfigError),
}

/// Why there may be more Secrets than were found. Goes on a sentence that begins with them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lack {
    #[error(
        "were not read: Tagger's ServiceAccount lacks the right to list secrets; bind it to the ClusterRole tagger-credentials"
    )]
    Forbidden,
    #[error("were not read: {0}")]
    Failed(String),
    #[error(
        "are too many to be read: the first {MOST_SECRETS} of a type and {MOST_CREDENTIALS} credentials are"
    )]
    TooMany,
}

/// How a Secret holds credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Legacy,
}

impl Form {
    pub(super) const fn secret_type(self) -> &'static str {
        match self {
            Self::Json => "kubernetes.io/dockerconfigjson",
            Self::Legacy => "kubernetes.io/dockercfg",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Json => ".dockerconfigjson",
            Self::Legacy => ".dockercfg",
        }
    }
}

impl Secret {
    /// Reads what a Secret of this form has under its key.
    pub(super) fn read(name: String, form: Form, text: Option<&[u8]>) -> Self {
        let key = form.key();
        let (config, damages) = match text {
            None => (DockerConfig::default(), vec![Damage::Missing(key)]),
            Some(text) if text.len() > LARGEST => (DockerConfig::default(), vec![Damage::TooLarge(key)]),
            Some(text) => {
                let (config, problems) = match form {
                    Form::Json => DockerConfig::salvage(text),
                    Form::Legacy => DockerConfig::salvage_legacy(text),
                };
                (config, problems.into_iter().map(Damage::from).collect())
            }
        };
        Self { name, config, damages }
    }
}

/// Lists what a namespace holds. What can't be had is left out, and the lack is told.
pub(super) async fn list(client: &Client, namespace: &str) -> Listed {
    let secrets: Api<v1::Secret> = Api::namespaced(client.clone(), namespace);
    let accounts: Api<v1::ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let mut listed = Listed::default();
    let read = async {
        let (preferred, lack) = tokio::join!(preferred(&accounts), read_all(&secrets, &mut listed.secrets));
        (preferred, lack)
    };
    match timeout(LONGEST, read).await {
        Ok((preferred, lack)) => (listed.preferred, listed.lack) = (preferred, lack.err()),
        Err(_) => listed.lack = Some(Lack::Failed("the API server did not answer in time".to_owned())),
    }
    if let Some(lack) = &listed.lack {
        tracing::warn!(namespace, "the Secrets with credentials {lack}");
    }
    listed
}

async fn read_all(secrets: &Api<v1::Secret>, found: &mut Vec<Secret>) -> Result<(), Lack> {
    for form in [Form::Json, Form::Legacy] {
        read_form(secrets, form, found).await?;
    }
    Ok(())
}

async fn read_form(secrets: &Api<v1::Secret>, form: Form, found: &mut Vec<Secret>) -> Result<(), Lack> {
    let mut page = ListParams::default().fields(&format!("type={}", form.secret_type())).limit(PAGE);
    let mut count = 0;
    loop {
        let list = secrets.list(&page).await.map_err(lack)?;
        count += list.items.len();
        for secret in list.items {
            let text = secret.data.as_ref().and_then(|data| data.get(form.key()));
            found.push(Secret::read(secret.name_any(), form, text.map(|text| text.0.as_slice())));
        }
        let credentials: usize = found.iter().map(|secret| secret.config.len()).sum();
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            None => return Ok(()),
            Some(_) if count >= MOST_SECRETS || credentials >= MOST_CREDENTIALS => return Err(Lack::TooMany),
            Some(token) => page = page.continue_token(&token),
        }
    }
}

/// The order that it gives is a nicety: without the right to read it, all Secrets count the same.
async fn preferred(accounts: &Api<v1::ServiceAccount>) -> Vec<String> {
    let account = accounts.get_opt(ACCOUNT).await.unwrap_or_else(|error| {
        tracing::debug!(%error, "the ServiceAccount default can't be read");
        None
    });
    let named = account.and_then(|account| account.image_pull_secrets).unwrap_or_default();
    named.into_iter().map(|secret| secret.name).collect()
}

fn lack(error: kube::Error) -> Lack {
    match error {
        kube::Error::Api(refused) if refused.is_forbidden() => Lack::Forbidden,
        other => Lack::Failed(other.to_string()),
    }
}
