//! Why a command failed: what, on which object, why, and what to do next.

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
    #[error("waited {}s in vain: {what}", .limit.as_secs())]
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
    /// Says what an error of the API server means to whoever wanted to do this.
    pub(crate) fn of_cluster(doing: &str, namespace: Option<&str>, server: &str, error: kube::Error) -> Self {
        let (doing, server) = (doing.to_owned(), server.to_owned());
        let namespace = namespace.map(str::to_owned);
        match error {
            kube::Error::Api(refused) => {
                let why = refused.message.clone();
                match refused.code {
                    401 => Self::Unauthenticated { server, why },
                    403 => Self::NoRights { doing, namespace, why },
                    // A path that the server does not know is answered without the kind of object that is missing.
                    404 if refused.details.as_ref().is_none_or(|details| details.name.is_empty()) => {
                        Self::NoDefinition { server }
                    }
                    409 => Self::Conflict { what: doing },
                    _ => Self::Refused { doing, namespace, why },
                }
            }
            other => Self::Unreachable { server, why: root(&other) },
        }
    }

    /// What to do next.
    pub(crate) fn next(&self) -> Option<String> {
        Some(match self {
            Self::Kubeconfig(_) => "kubectl config get-contexts shows what there is; --kubeconfig and --context choose".to_owned(),
            Self::NoCluster(_) => "set KUBECONFIG, or give --kubeconfig FILE".to_owned(),
            Self::Client(_) => "kubectl version shows whether kubectl can ask it".to_owned(),
            Self::Unreachable { .. } => "kubectl cluster-info shows whether kubectl can reach it; --request-timeout gives it more time".to_owned(),
            Self::Unauthenticated { .. } => "log in again; kubectl auth whoami shows as whom you come".to_owned(),
            Self::NoRights { doing, namespace, .. } => {
                let namespace = namespace.as_deref().map_or_else(|| " -A".to_owned(), |name| format!(" -n {name}"));
                format!("kubectl auth can-i {doing}{namespace} shows it; ask whoever administers the cluster")
            }
            Self::NoDefinition { .. } => "install Tagger: kubectl apply -f manifests/".to_owned(),
            Self::Conflict { .. } => "run the command again".to_owned(),
            Self::NoTag { near, .. } if !near.is_empty() => format!("did you mean {}?", near.join(", ")),
            Self::NoTag { any: true, .. } => "kubectl tag status shows those that are there".to_owned(),
            Self::NoTag { name, .. } => format!("kubectl tag new {name} --from HOST/PATH:TAG makes one; -n chooses another namespace"),
            Self::NoGeneration { tag, .. } => format!("kubectl tag history {tag} shows them"),
            Self::NoStep(_, next) | Self::Invalid(_, next) | Self::Registry(_, next) => return next.clone(),
            Self::TooLong { next, .. } | Self::Failed { next, .. } => next.clone(),
            Self::Refused { .. } | Self::File(_) | Self::Output(_) | Self::Runtime(_) | Self::Interrupted => return None,
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

/// The innermost cause, which is the one that says something.
fn root(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
