//! Why a command failed: what, on which object, why, and what to do next.

mod cluster;
#[cfg(test)]
mod tests;

use std::time::Duration;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The kubeconfig can't be used.
    #[error("the kubeconfig can't be used: {0}")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// There is no kubeconfig, and this is no Pod.
    #[error("there is no cluster to ask: {0}")]
    NoCluster(#[source] Box<kube::config::InferConfigError>),
    /// The kubeconfig asks for what this client can't do.
    #[error("the cluster can't be asked: {0}")]
    Client(#[source] Box<kube::Error>),
    /// The API server does not answer.
    #[error("the cluster at {server} does not answer: {why}")]
    Unreachable { server: String, why: String },
    /// The credentials of the kubeconfig can't be had, such as by a program that it names.
    #[error("your credentials for the cluster at {server} can't be had: {why}")]
    Credentials { server: String, why: String },
    /// The API server's answer makes no sense to this client.
    #[error("the cluster at {server} answered {doing} with what can't be read: {why}")]
    Unreadable { server: String, doing: String, why: String },
    /// The user is not known there.
    #[error("the cluster at {server} does not know you: {why}")]
    Unauthenticated { server: String, why: String },
    /// The user may not do it.
    #[error("you may not {doing}{}: {why}", within(.namespace.as_deref()))]
    NoRights { doing: String, namespace: Option<String>, why: String },
    /// There are no Tags in this cluster at all.
    #[error(
        "the cluster at {server} has no Tags: the CustomResourceDefinition tags.images.io is not installed"
    )]
    NoDefinition { server: String },
    /// The namespace is not there.
    #[error("there is no namespace {namespace:?}")]
    NoNamespace { namespace: String },
    /// The API server refused it.
    #[error("the cluster refused to {doing}{}: {why}", within(.namespace.as_deref()))]
    Refused { doing: String, namespace: Option<String>, why: String },
    /// Somebody else changed the object at the same time.
    #[error("{what} was changed by somebody else at the same time")]
    Conflict { what: String },
    /// There is no such Tag.
    #[error("there is no Tag {name:?} in the namespace {namespace:?}")]
    NoTag { name: String, namespace: String, near: Vec<String>, any: bool },
    /// There is no such generation.
    #[error("the Tag {tag:?} has no generation {generation}; it has {}", numbers(.there))]
    NoGeneration { tag: String, generation: i64, there: Vec<i64> },
    /// A step that makes no sense.
    #[error("{0}")]
    NoStep(String, Option<String>),
    /// What was given can't be used.
    #[error("{0}")]
    Invalid(String, Option<String>),
    /// A registry failed.
    #[error("{0}")]
    Registry(String, Option<String>),
    /// A file failed.
    #[error("{0}")]
    File(String),
    /// It was waited for in vain.
    #[error("waited {} in vain: {what}", spoken(*.limit))]
    TooLong { what: String, limit: Duration, next: String },
    /// It failed while it was waited for.
    #[error("{what}")]
    Failed { what: String, next: String },
    /// The result could not be printed.
    #[error("the result could not be printed: {0}")]
    Output(String),
    /// The process has no threads.
    #[error("the runtime can't be started: {0}")]
    Runtime(#[source] std::io::Error),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Problem {
    /// What to do next.
    pub(crate) fn next(&self) -> Option<String> {
        Some(match self {
            Self::Kubeconfig(_) => "kubectl config get-contexts shows what there is; --kubeconfig and --context choose".to_owned(),
            Self::NoCluster(_) => "set KUBECONFIG, or give --kubeconfig FILE".to_owned(),
            Self::Client(_) => "kubectl version shows whether kubectl can ask it".to_owned(),
            Self::Unreachable { .. } => {
                "kubectl cluster-info shows whether kubectl reaches it; --context chooses another, --request-timeout gives it more time".to_owned()
            }
            Self::Credentials { .. } | Self::Unauthenticated { .. } => {
                "log in again, or choose another user with --context or --user".to_owned()
            }
            Self::Unreadable { .. } => {
                "kubectl tag --version shows how old this is; -v 8 shows what is asked and answered".to_owned()
            }
            Self::NoRights { doing, namespace, .. } => {
                let namespace = namespace.as_deref().map_or_else(|| " -A".to_owned(), |name| format!(" -n {name}"));
                format!("kubectl auth can-i {doing}{namespace} shows it; whoever administers the cluster gives the right")
            }
            Self::NoDefinition { .. } => {
                "install Tagger there (kubectl apply -f manifests/), or choose another cluster with --context".to_owned()
            }
            Self::NoNamespace { namespace } => {
                format!("kubectl create namespace {namespace} makes it; -n chooses another")
            }
            Self::Refused { .. } => "correct what it says, and run the command again".to_owned(),
            Self::Conflict { .. } => "run the command again".to_owned(),
            Self::NoTag { near, .. } if !near.is_empty() => format!("did you mean {}?", near.join(", ")),
            Self::NoTag { any: true, .. } => "kubectl tag status shows those that are there; -n chooses another namespace".to_owned(),
            Self::NoTag { name, .. } => {
                format!("kubectl tag new {name} --from HOST/PATH:TAG makes one; -n chooses another namespace")
            }
            Self::NoGeneration { tag, there, .. } if there.is_empty() => {
                format!("kubectl tag status {tag} shows how its first import goes")
            }
            Self::NoGeneration { tag, .. } => {
                format!("kubectl tag history {tag} shows them; older ones are gone, and spec.history says how many are kept")
            }
            Self::NoStep(_, next) | Self::Invalid(_, next) | Self::Registry(_, next) => return next.clone(),
            Self::TooLong { next, .. } | Self::Failed { next, .. } => next.clone(),
            Self::File(_) | Self::Output(_) | Self::Runtime(_) | Self::Interrupted => return None,
        })
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::TooLong { .. } => 4,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

fn within(namespace: Option<&str>) -> String {
    namespace.map_or_else(|| " in all namespaces".to_owned(), |name| format!(" in the namespace {name:?}"))
}

fn numbers(there: &[i64]) -> String {
    match there {
        [] => "none yet".to_owned(),
        some => some.iter().map(i64::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// A duration as people give it: `30s`, `5m`, `1h30m`.
fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let said: String =
        parts.iter().filter(|(number, _)| *number > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if said.is_empty() { "0s".to_owned() } else { said }
}
