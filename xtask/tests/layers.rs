//! The layers of the house: which crate may depend on which. Arrows point downwards only.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may depend on, of the workspace's own. A crate that is not here is not in the house yet.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("tagger-core", &[]),
    ("tagger-api", &["tagger-core"]),
    ("tagger-registry", &["tagger-core"]),
    ("tagger-certificates", &[]),
    ("tagger-admission", &["tagger-core", "tagger-api"]),
    ("tagger-controller", &["tagger-core", "tagger-api", "tagger-registry"]),
    ("tagger-receiver", &["tagger-core"]),
    (
        "tagger",
        &[
            "tagger-core",
            "tagger-api",
            "tagger-registry",
            "tagger-certificates",
            "tagger-admission",
            "tagger-controller",
            "tagger-receiver",
        ],
    ),
    ("kubectl-tag", &["tagger-core", "tagger-api", "tagger-registry"]),
    ("tagger-testkit", &[]),
    (
        "tagger-fuzz",
        &[
            "kubectl-tag",
            "tagger-admission",
            "tagger-api",
            "tagger-core",
            "tagger-receiver",
            "tagger-registry",
        ],
    ),
    (
        "xtask",
        &[
            "kubectl-tag",
            "tagger",
            "tagger-core",
            "tagger-api",
            "tagger-admission",
            "tagger-certificates",
            "tagger-testkit",
        ],
    ),
];

/// Crates that must not be reached by these, by any way: the core is pure, and the webhook answers from memory.
const MUST_NOT_REACH: &[(&str, &[&str])] = &[
    ("tagger-core", &["tokio", "kube", "kube-core", "k8s-openapi", "http", "hyper", "reqwest", "axum"]),
    ("tagger-api", &["reqwest", "axum"]),
    ("tagger-admission", &["reqwest"]),
    ("tagger-receiver", &["kube", "kube-core", "k8s-openapi"]),
    ("tagger-registry", &["kube", "kube-core", "k8s-openapi", "axum"]),
];

/// Who depends on kube itself, and with which of its parts: the webhook's side has the types and no client. Cargo builds the
/// parts that anybody asks for, so what is reached says nothing here; what is asked for does. What tests ask for is theirs.
const PARTS_OF_KUBE: &[(&str, &[&str])] = &[
    ("tagger-api", &["derive"]),
    ("tagger-certificates", &["client", "runtime"]),
    ("tagger-controller", &["client", "jsonpatch", "runtime", "unstable-runtime"]),
    ("tagger", &["aws-lc-rs", "client", "config", "http-proxy", "runtime", "rustls-tls"]),
    ("kubectl-tag", &["aws-lc-rs", "client", "config", "http-proxy", "rustls-tls", "ws"]),
    ("xtask", &["aws-lc-rs", "client", "config", "runtime", "rustls-tls"]),
];

#[test]
fn each_crate_has_the_parts_of_kube_that_it_may_have() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let allowed: BTreeMap<&str, &[&str]> = PARTS_OF_KUBE.iter().copied().collect();
    for package in &metadata.packages {
        let normal =
            package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        for kube in normal.filter(|dependency| dependency.name == "kube") {
            let parts = allowed.get(package.name.as_str()).copied().unwrap_or_default();
            let asked: BTreeSet<&str> = kube.features.iter().map(String::as_str).collect();
            assert_eq!(asked, parts.iter().copied().collect(), "{}", package.name);
        }
    }
}

#[test]
fn arrows_point_downwards() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let allowed: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.iter().copied().collect();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(
        ours,
        allowed.keys().copied().collect(),
        "every crate of the workspace has its layer, and no other"
    );
    for package in &metadata.packages {
        let normal =
            package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        for dependency in normal.filter(|dependency| ours.contains(dependency.name.as_str())) {
            let may = allowed[package.name.as_str()].contains(&dependency.name.as_str());
            assert!(may, "{} must not depend on {}", package.name, dependency.name);
        }
    }
}

#[test]
fn the_core_is_pure_and_the_webhook_has_no_client() {
    let metadata = MetadataCommand::new().exec().unwrap();
    let resolve = metadata.resolve.as_ref().unwrap();
    let name = |id| metadata[id].name.to_string();
    let depends: BTreeMap<_, Vec<_>> = resolve
        .nodes
        .iter()
        .map(|node| {
            let normal = node.deps.iter().filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            });
            (&node.id, normal.map(|dependency| &dependency.pkg).collect())
        })
        .collect();
    for (from, forbidden) in MUST_NOT_REACH {
        let Some(start) = depends.keys().find(|id| name(id) == *from) else { panic!("there is no {from}") };
        let (mut open, mut reached) = (vec![*start], BTreeSet::new());
        while let Some(next) = open.pop() {
            open.extend(depends[next].iter().copied().filter(|dependency| reached.insert(name(dependency))));
        }
        let found: Vec<_> = forbidden.iter().filter(|crate_| reached.contains(**crate_)).collect();
        assert!(found.is_empty(), "{from} must not reach {found:?}");
    }
}
