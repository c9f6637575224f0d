//! By which way a registry is reached from a person's machine: pure.

use k8s_openapi::api::core::v1::{Endpoints, Service as ServiceObject};
use tagger_core::reference::Registry;

use super::hosting::Hosting;

/// By which way a registry is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Where its name says.
    Direct,
    /// Under another name, which is for machines outside of the cluster.
    Under(Registry),
    /// Through a port-forward to a Pod behind a Service.
    Forward(Service),
}

/// A Service of the cluster, as a registry names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) namespace: String,
    pub(super) name: String,
    /// The port of the Service; none for its only one.
    pub(super) port: Option<u16>,
}

/// A port of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) pod: String,
    pub(super) port: u16,
}

/// Why a Service leads to no Pod.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoTarget {
    #[error("it has no port {wanted}; it has {}", listed(.there))]
    NoPort { wanted: String, there: Vec<i32> },
    #[error("no Pod behind it is ready")]
    NoPod,
}

/// By which way a registry is reached, by its name and by what the cluster says of its own.
pub(super) fn route(registry: &Registry, hosting: Option<&Hosting>) -> Route {
    if let Some(hosting) = hosting.filter(|hosting| hosting.is_inside(registry)) {
        match (&hosting.host, hosting.network.as_ref().and_then(service)) {
            (Some(host), _) if host == registry => return Route::Direct,
            (Some(host), _) => return Route::Under(host.clone()),
            (None, Some(service)) => return Route::Forward(service),
            (None, None) => {}
        }
    }
    service(registry).map_or(Route::Direct, Route::Forward)
}

/// Whether a registry's name is one that only a cluster or a machine by itself can know.
pub(super) fn may_be_local(registry: &Registry) -> bool {
    let host = registry.host();
    let endings = [".svc", ".local", ".internal", ".localhost"];
    match registry.ip() {
        Some(_) => true,
        None => !host.contains('.') || endings.iter().any(|ending| host.ends_with(ending)),
    }
}

/// Whether a registry is on this machine.
pub(super) fn is_this_machine(registry: &Registry) -> bool {
    registry.host() == "localhost" || registry.ip().is_some_and(|address| address.is_loopback())
}

/// The Service that a registry's name is of.
fn service(registry: &Registry) -> Option<Service> {
    let parts: Vec<&str> = registry.host().split('.').collect();
    match parts[..] {
        [name, namespace, "svc"] | [name, namespace, "svc", "cluster", "local"] => {
            Some(Service { namespace: namespace.to_owned(), name: name.to_owned(), port: registry.port() })
        }
        _ => None,
    }
}

/// The port of a ready Pod that a port of a Service leads to. A Service without a Pod of its own leads nowhere that can be
/// forwarded to.
pub(super) fn target(
    service: &ServiceObject,
    endpoints: &Endpoints,
    wanted: Option<u16>,
) -> Result<Target, NoTarget> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.clone()).unwrap_or_default();
    let port = match (wanted, ports.as_slice()) {
        (Some(wanted), _) => ports.iter().find(|port| port.port == i32::from(wanted)),
        (None, [only]) => Some(only),
        // A registry without a port is at the usual one.
        (None, several) => [443, 80].iter().find_map(|usual| several.iter().find(|port| port.port == *usual)),
    };
    let port = port.ok_or_else(|| NoTarget::NoPort {
        wanted: wanted.map_or_else(|| "443 or 80".to_owned(), |port| port.to_string()),
        there: ports.iter().map(|port| port.port).collect(),
    })?;
    let pod_of = |subset: &k8s_openapi::api::core::v1::EndpointSubset| {
        let number = subset.ports.iter().flatten().find(|other| other.name == port.name)?.port;
        let addresses = subset.addresses.iter().flatten();
        let mut pods = addresses.filter_map(|address| address.target_ref.as_ref());
        let pod = pods.find(|target| target.kind.as_deref() == Some("Pod"))?.name.clone()?;
        Some(Target { pod, port: u16::try_from(number).ok()? })
    };
    endpoints.subsets.iter().flatten().find_map(pod_of).ok_or(NoTarget::NoPod)
}

fn listed(ports: &[i32]) -> String {
    match ports {
        [] => "none".to_owned(),
        some => some.iter().map(i32::to_string).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn forward(name: &str, namespace: &str, port: Option<u16>) -> Route {
        Route::Forward(Service { name: name.into(), namespace: namespace.into(), port })
    }

    fn hosting(text: &str) -> Option<Hosting> {
        Hosting::read(text)
    }

    #[rstest]
    #[case::anywhere("quay.io", "", Route::Direct)]
    #[case::a_service("registry.ci.svc:5000", "", forward("registry", "ci", Some(5000)))]
    #[case::by_its_full_name("registry.ci.svc.cluster.local", "", forward("registry", "ci", None))]
    #[case::a_name_like_one("registry.ci.svc.example.com", "", Route::Direct)]
    #[case::a_pod("a.registry.ci.svc", "", Route::Direct)]
    #[case::described(
        "registry:5000",
        "host: localhost:5001\nhostFromContainerRuntime: registry:5000",
        Route::Under("localhost:5001".parse().unwrap())
    )]
    #[case::described_with_a_path(
        "registry:5000",
        "host: localhost:5001/x\nhostFromClusterNetwork: registry:5000/x",
        Route::Under("localhost:5001".parse().unwrap())
    )]
    #[case::the_same_everywhere(
        "localhost:5001",
        "host: localhost:5001\nhostFromContainerRuntime: localhost:5001",
        Route::Direct
    )]
    #[case::described_for_the_cluster_alone(
        "localhost:32000",
        "hostFromContainerRuntime: localhost:32000\nhostFromClusterNetwork: registry.ci.svc:5000",
        forward("registry", "ci", Some(5000))
    )]
    #[case::another_than_described(
        "other:5000",
        "host: localhost:5001\nhostFromContainerRuntime: registry:5000",
        Route::Direct
    )]
    #[case::described_and_a_service(
        "registry.ci.svc:5000",
        "host: localhost:5001",
        forward("registry", "ci", Some(5000))
    )]
    fn a_registry_is_reached_by_its_way(
        #[case] registry: &str,
        #[case] described: &str,
        #[case] expected: Route,
    ) {
        assert_eq!(route(&registry.parse().unwrap(), hosting(described).as_ref()), expected);
    }

    #[rstest]
    #[case("quay.io", false)]
    #[case("registry.example.com:5000", false)]
    #[case("registry:5000", true)]
    #[case("localhost:5000", true)]
    #[case("127.0.0.1:5000", true)]
    #[case("registry.ci.svc", true)]
    #[case("registry.internal", true)]
    fn only_names_that_may_be_local_have_the_cluster_asked(#[case] registry: &str, #[case] asked: bool) {
        assert_eq!(may_be_local(&registry.parse().unwrap()), asked);
    }

    fn of(ports: Value, subsets: Value, wanted: Option<u16>) -> Result<Target, NoTarget> {
        let service = serde_json::from_value(json!({ "spec": { "ports": ports } })).unwrap();
        let endpoints = serde_json::from_value(json!({ "metadata": {}, "subsets": subsets })).unwrap();
        target(&service, &endpoints, wanted)
    }

    fn ready(pod: &str, port: u16, name: Option<&str>) -> Value {
        json!([{
            "addresses": [{ "ip": "10.0.0.1", "targetRef": { "kind": "Pod", "name": pod } }],
            "ports": [{ "port": port, "name": name }],
        }])
    }

    #[test]
    fn a_port_of_a_service_leads_to_that_of_a_ready_pod() {
        let found = Target { pod: "registry-0".into(), port: 5000 };
        let (one, two) =
            (json!([{ "port": 80 }]), json!([{ "port": 9, "name": "x" }, { "port": 443, "name": "tls" }]));
        assert_eq!(of(one.clone(), ready("registry-0", 5000, None), Some(80)), Ok(found.clone()));
        assert_eq!(of(one, ready("registry-0", 5000, None), None), Ok(found.clone()));
        assert_eq!(of(two, ready("registry-0", 5000, Some("tls")), None), Ok(found));
    }

    #[test]
    fn a_service_that_leads_nowhere_says_why() {
        let ports = json!([{ "port": 80 }]);
        let wrong = of(ports.clone(), ready("a", 1, None), Some(5000)).unwrap_err();
        assert_eq!(wrong.to_string(), "it has no port 5000; it has 80");
        let unready = json!([{ "notReadyAddresses": [{ "ip": "10.0.0.1" }], "ports": [{ "port": 5000 }] }]);
        assert_eq!(of(ports.clone(), unready, None), Err(NoTarget::NoPod));
        let by_hand = json!([{ "addresses": [{ "ip": "10.0.0.1" }], "ports": [{ "port": 5000 }] }]);
        assert_eq!(of(ports.clone(), by_hand, None), Err(NoTarget::NoPod));
        assert_eq!(of(ports, Value::Null, None), Err(NoTarget::NoPod));
    }
}
