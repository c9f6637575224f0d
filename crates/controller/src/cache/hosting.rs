//! The registry that a cluster's maker describes in a ConfigMap, by KEP-1755.

use std::collections::BTreeMap;

use serde::Deserialize;
use tagger_core::reference::Registry;

use super::{CacheAddress, CacheAddressError, CachePlace};

/// Where the ConfigMap is.
pub(super) const NAMESPACE: &str = "kube-public";
/// What it is called.
pub(super) const NAME: &str = "local-registry-hosting";
/// The version of the description that is read.
const KEY: &str = "localRegistryHosting.v1";

/// Why a description can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostingProblem {
    /// The version that is known is not in it.
    #[error("has no {KEY}")]
    Version,
    /// It is not of the right shape.
    #[error(
        "has a {KEY} that is not YAML with the texts host, hostFromClusterNetwork and hostFromContainerRuntime"
    )]
    Shape,
    /// A host is none.
    #[error("has a wrong {field} in {KEY}: {problem}")]
    Host {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: CacheAddressError,
    },
    /// Its only address is that of each machine for itself.
    #[error("names only {0}, which no Pod reaches; add hostFromClusterNetwork to {KEY}")]
    Loopback(Registry),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Hosting {
    host: Option<String>,
    host_from_cluster_network: Option<String>,
    host_from_container_runtime: Option<String>,
}

/// What the ConfigMap says of where the cache is: pushed to as Pods reach it, referred to as nodes do. None where it
/// describes no registry.
///
/// `inside` tells that Tagger is in a Pod. `plain` tells that somebody allowed plain HTTP; without that, it is spoken where
/// the standard, which is for local registries without TLS, is surely meant.
pub(super) fn place(
    data: &BTreeMap<String, String>,
    inside: bool,
    plain: bool,
) -> Result<Option<CachePlace>, HostingProblem> {
    let text = data.get(KEY).ok_or(HostingProblem::Version)?;
    let hosting: Option<Hosting> = serde_yaml_ng::from_str(text).map_err(|_| HostingProblem::Shape)?;
    let hosting = hosting.unwrap_or_default();
    let host = address("host", hosting.host)?;
    let network = address("hostFromClusterNetwork", hosting.host_from_cluster_network)?;
    let runtime = address("hostFromContainerRuntime", hosting.host_from_container_runtime)?;
    let Some(push) = network.or(host.clone()) else { return Ok(None) };
    if inside && is_this_machine(push.registry()) {
        return Err(HostingProblem::Loopback(push.registry().clone()));
    }
    let refer = runtime.or(host).unwrap_or_else(|| push.clone());
    let plain = push.plain().unwrap_or_else(|| plain || is_local(push.registry()));
    Ok(Some(CachePlace::new(push, refer, plain)))
}

fn address(field: &'static str, text: Option<String>) -> Result<Option<CacheAddress>, HostingProblem> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| text.parse()).transpose().map_err(|problem| HostingProblem::Host { field, problem })
}

/// Whether a host is, to each machine, itself.
fn is_this_machine(registry: &Registry) -> bool {
    let loopback = registry.ip().is_some_and(|address| address.is_loopback());
    loopback || registry.host() == "localhost" || registry.host().ends_with(".localhost")
}

/// Whether a host is one that only a machine or a cluster by itself can know: nobody gives certificates for such names.
fn is_local(registry: &Registry) -> bool {
    let host = registry.host();
    let names = [".svc", ".cluster.local", ".local", ".internal"];
    is_this_machine(registry)
        || match registry.ip() {
            Some(std::net::IpAddr::V4(address)) => address.is_private(),
            Some(std::net::IpAddr::V6(address)) => address.is_unique_local(),
            None => !host.contains('.') || names.iter().any(|name| host.ends_with(name)),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn read(yaml: &str, inside: bool) -> Result<Option<CachePlace>, HostingProblem> {
        place(&BTreeMap::from([(KEY.to_owned(), yaml.to_owned())]), inside, false)
    }

    #[rstest]
    #[case::all(
        "host: localhost:5001\nhostFromClusterNetwork: kind-registry:5000\nhostFromContainerRuntime: registry:5000",
        "kind-registry:5000",
        "registry:5000",
        true
    )]
    #[case::no_runtime(
        "host: localhost:5001\nhostFromClusterNetwork: kind-registry:5000\nhelp: https://x",
        "kind-registry:5000",
        "localhost:5001",
        true
    )]
    #[case::network_only(
        "hostFromClusterNetwork: kind-registry:5000",
        "kind-registry:5000",
        "kind-registry:5000",
        true
    )]
    #[case::a_public_name(
        "host: registry.example.com",
        "registry.example.com",
        "registry.example.com",
        false
    )]
    #[case::a_public_name_in_plain(
        "host: http://registry.example.com",
        "registry.example.com",
        "registry.example.com",
        true
    )]
    #[case::a_local_name_with_tls(
        "host: https://kind-registry:5000",
        "kind-registry:5000",
        "kind-registry:5000",
        false
    )]
    #[case::a_service(
        "host: registry.kube-system.svc.cluster.local:80",
        "registry.kube-system.svc.cluster.local:80",
        "registry.kube-system.svc.cluster.local:80",
        true
    )]
    #[case::a_private_address("host: 10.0.0.9:5000", "10.0.0.9:5000", "10.0.0.9:5000", true)]
    #[case::a_public_address("host: 8.8.8.8:5000", "8.8.8.8:5000", "8.8.8.8:5000", false)]
    #[case::empty_texts(
        "host: ''\nhostFromClusterNetwork: kind-registry:5000",
        "kind-registry:5000",
        "kind-registry:5000",
        true
    )]
    #[case::more_fields("host: a.io\nnew: {}", "a.io", "a.io", false)]
    fn a_description_is_read(
        #[case] yaml: &str,
        #[case] push: &str,
        #[case] refer: &str,
        #[case] plain: bool,
    ) {
        let expected = CachePlace::new(push.parse().unwrap(), refer.parse().unwrap(), plain);
        let found = read(yaml, true).unwrap().unwrap();
        assert_eq!((found.registry(), found.is_plain()), (expected.registry(), plain));
        let digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        assert_eq!(found.reference("a", "b", &digest), expected.reference("a", "b", &digest));
    }

    #[rstest]
    #[case("")]
    #[case("help: https://kind.sigs.k8s.io/docs/user/local-registry/")]
    fn a_description_without_a_host_describes_no_registry(#[case] yaml: &str) {
        assert_eq!(read(yaml, true), Ok(None));
    }

    #[rstest]
    #[case("host: [a]", "not YAML with")]
    #[case("host: 'a", "not YAML with")]
    #[case("just text", "not YAML with")]
    #[case("host: a b", "wrong host")]
    #[case("hostFromClusterNetwork: registry", "wrong hostFromClusterNetwork")]
    fn a_damaged_description_says_what_is_wrong(#[case] yaml: &str, #[case] because: &str) {
        let problem = read(yaml, true).unwrap_err().to_string();
        assert!(problem.contains(because), "{problem}");
        assert_eq!(place(&BTreeMap::new(), true, false), Err(HostingProblem::Version));
    }

    #[test]
    fn what_only_the_machine_reaches_is_no_cache_for_a_pod_and_one_for_a_program_beside_the_cluster() {
        let problem = read("host: localhost:5001", true).unwrap_err().to_string();
        assert!(problem.contains("add hostFromClusterNetwork"), "{problem}");
        assert!(read("host: localhost:5001", false).unwrap().is_some());
    }
}
