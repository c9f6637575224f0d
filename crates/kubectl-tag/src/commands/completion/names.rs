//! Names from the cluster, for whoever types. What can't be had in a moment is not offered, and nothing is said of it.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::CompletionCandidate;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::{Api, ResourceExt};

use super::words::typed;
use crate::age::age;
use crate::screen::Screen;
use crate::session::{Cluster, Session};
use crate::{tags, workloads as annotated};

/// How long somebody who types waits.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The Tags of the namespace.
pub(crate) fn tag_names(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = ask(async |cluster, _| {
        let tags = tags::list(cluster, Some(&cluster.namespace), None).await.ok()?;
        let candidate = |tag: &tagger_api::Tag| candidate(tag.name_any(), tag.spec.from.clone());
        Some(tags.iter().map(candidate).collect())
    });
    beginning(current, names)
}

/// The generations of the Tag that was named before.
pub(crate) fn generations(current: &OsStr) -> Vec<CompletionCandidate> {
    let numbers = ask(async |cluster, words| {
        let tag = tags::find(cluster, words.get(1)?).await.ok()?;
        let status = tag.status?;
        let now = jiff::Timestamp::now();
        let candidate = |known: &tagger_core::generation::Generation| {
            candidate(known.generation.to_string(), format!("imported {} ago", age(known.imported_at, now)))
        };
        Some(status.references.iter().map(candidate).collect())
    });
    beginning(current, numbers)
}

/// The annotated workloads of the namespace.
pub(crate) fn workloads(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = ask(async |cluster, _| {
        let workloads = annotated::annotated(cluster, Some(&cluster.namespace)).await.ok()?;
        Some(workloads.iter().map(|workload| CompletionCandidate::new(workload.label())).collect())
    });
    beginning(current, names)
}

/// The namespaces of the cluster.
pub(crate) fn namespaces(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = ask(async |cluster, _| {
        let api: Api<Namespace> = Api::all(cluster.client.clone());
        let list = api.list(&ListParams::default()).await.ok()?;
        Some(list.iter().map(|namespace| CompletionCandidate::new(namespace.name_any())).collect())
    });
    beginning(current, names)
}

/// The contexts of the kubeconfig.
pub(crate) fn contexts(current: &OsStr) -> Vec<CompletionCandidate> {
    let (flags, _) = typed(&words());
    let file = match &flags.kubeconfig {
        Some(file) => Kubeconfig::read_from(file).ok(),
        None => Kubeconfig::read().ok(),
    };
    let contexts = file.into_iter().flat_map(|file| file.contexts);
    beginning(current, contexts.map(|context| CompletionCandidate::new(context.name)).collect())
}

fn candidate(name: String, help: String) -> CompletionCandidate {
    CompletionCandidate::new(name).help(Some(help.into()))
}

fn beginning(current: &OsStr, candidates: Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    let begins = current.to_string_lossy();
    let fits = |candidate: &CompletionCandidate| {
        candidate.get_value().to_string_lossy().starts_with(begins.as_ref())
    };
    candidates.into_iter().filter(fits).collect()
}

/// The words after the name of the program, which stands behind `--` where a shell asks.
fn words() -> Vec<String> {
    let all: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match all.iter().position(|word| word == "--") {
        Some(at) => all.into_iter().skip(at + 2).collect(),
        None => all.into_iter().skip(1).collect(),
    }
}

/// What the cluster says, by the flags that are typed already; nothing where it can't be said in time.
fn ask(
    question: impl AsyncFnOnce(&Cluster, Vec<String>) -> Option<Vec<CompletionCandidate>>,
) -> Vec<CompletionCandidate> {
    crate::install_cryptography();
    let (mut flags, words) = typed(&words());
    flags.request_timeout = PATIENCE;
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    runtime.block_on(async {
        let session = Session::new(flags, Screen);
        let answer = async { question(session.cluster().await.ok()?, words).await };
        tokio::time::timeout(PATIENCE, answer).await.ok().flatten().unwrap_or_default()
    })
}
