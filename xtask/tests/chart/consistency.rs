//! What one object says of another is so.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rendered::{CASES, Case, NAMESPACE, pod, selects};

/// The kinds that are in no namespace.
const OF_THE_CLUSTER: [&str; 5] =
    ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "PriorityClass"];

/// The containers' ports of those Pods that have these labels.
fn ports<'c>(case: &'c Case, wanted: &Value) -> Vec<&'c Value> {
    let pods = case.objects.iter().filter_map(pod).filter(|(labels, _)| selects(wanted, labels));
    let containers = pods.flat_map(|(_, spec)| spec["containers"].as_array().unwrap());
    containers.flat_map(|container| container["ports"].as_array().unwrap()).collect()
}

#[test]
fn every_object_says_where_it_is_and_no_two_are_the_same() {
    for case in CASES.iter() {
        let mut known = BTreeSet::new();
        for object in &case.objects {
            let kind = object["kind"].as_str().unwrap();
            let metadata = &object["metadata"];
            assert_eq!(
                metadata["namespace"].is_null(),
                OF_THE_CLUSTER.contains(&kind),
                "{}: {object}",
                case.name
            );
            let key = (kind, metadata["namespace"].to_string(), metadata["name"].to_string());
            assert!(known.insert(key.clone()), "{}: {key:?} is there twice", case.name);
            let labels = &metadata["labels"];
            let all = case.name.starts_with("ci/all");
            assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm", "{}: {key:?}", case.name);
            assert_eq!(labels["team"].is_null(), !all, "{}: {key:?} has the labels of all", case.name);
            assert_eq!(
                metadata["annotations"]["example.com/owner"].is_null(),
                !all,
                "{}: {key:?}",
                case.name
            );
        }
    }
}

#[test]
fn every_service_leads_to_a_port_of_pods_and_no_two_to_the_same() {
    for case in CASES.iter() {
        let mut known = BTreeSet::new();
        for service in case.of("Service") {
            let selector = &service["spec"]["selector"];
            for port in service["spec"]["ports"].as_array().unwrap() {
                let target = &port["targetPort"];
                let there = ports(case, selector).into_iter().any(|port| port["name"] == *target);
                assert!(there, "{}: {service}", case.name);
                assert!(known.insert(target.to_string()), "{}: {target} is behind two Services", case.name);
            }
        }
        assert!(known.len() >= 5, "{}", case.name);
    }
}

#[test]
fn every_selector_is_of_pods_that_are_there() {
    for case in CASES.iter() {
        for deployment in case.of("Deployment") {
            let (labels, _) = pod(deployment).unwrap();
            let selector = &deployment["spec"]["selector"]["matchLabels"];
            assert!(selects(selector, labels), "{}", case.name);
            assert!(
                selector["team"].is_null() && selector["app.kubernetes.io/version"].is_null(),
                "it can't be changed"
            );
        }
        for policy in case.of("NetworkPolicy") {
            let selector = &policy["spec"]["podSelector"]["matchLabels"];
            let ports = ports(case, selector);
            let mut opened = BTreeSet::new();
            for rule in policy["spec"]["ingress"].as_array().unwrap() {
                for port in rule["ports"].as_array().unwrap() {
                    assert!(
                        ports.iter().any(|there| there["containerPort"] == port["port"]),
                        "{}: {policy}",
                        case.name
                    );
                    opened.insert(port["port"].as_i64().unwrap());
                }
            }
            assert_eq!(opened.len(), ports.len(), "{}: every port that Pods serve is in it", case.name);
        }
    }
}

#[test]
fn the_budget_the_spread_and_the_services_of_tagger_never_take_the_cache_for_it() {
    for case in CASES.iter() {
        let (labels, _) = pod(case.operator()).unwrap();
        let others = case.objects.iter().filter_map(pod).filter(|(other, _)| *other != labels);
        for (other, _) in others {
            assert!(!selects(&case.operator()["spec"]["selector"]["matchLabels"], other), "{}", case.name);
        }
    }
}

#[test]
fn ports_have_the_names_that_the_services_are_known_by() {
    for case in CASES.iter() {
        let names: Vec<_> = ports(case, &case.operator()["spec"]["selector"]["matchLabels"])
            .into_iter()
            .map(|port| port["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["admission", "health", "receiver", "docker-webhooks", "quay-webhooks"],
            "{}",
            case.name
        );
        let called: BTreeSet<&str> =
            case.of("Service").filter_map(|service| service["metadata"]["name"].as_str()).collect();
        let own = if case.name.starts_with("ci/all") { "image-tagger" } else { "tagger" };
        for name in [&format!("{own}-admission"), &format!("{own}-receiver"), &format!("{own}-metrics")] {
            assert!(called.contains(name.as_str()), "{}: {name}", case.name);
        }
        assert!(called.contains("docker-webhooks") && called.contains("quay-webhooks"), "{}", case.name);
    }
}

#[test]
fn every_mount_has_its_volume_and_every_volume_is_mounted() {
    for case in CASES.iter() {
        for (_, spec) in case.objects.iter().filter_map(pod) {
            let names = |list: &Value| -> BTreeSet<String> {
                list.as_array().into_iter().flatten().map(|it| it["name"].to_string()).collect()
            };
            let mounted: BTreeSet<String> = spec["containers"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|it| names(&it["volumeMounts"]))
                .collect();
            assert_eq!(mounted, names(&spec["volumes"]), "{}", case.name);
        }
    }
}

#[test]
fn the_certificate_of_cert_manager_is_for_the_service_and_is_what_tagger_serves() {
    let made = |case: &&Case| case.of("Certificate").next().is_some();
    let mut number = 0;
    for case in CASES.iter().filter(made) {
        let leaf = case.of("Certificate").find(|it| it["metadata"]["name"] == "tagger-admission").unwrap();
        assert_eq!(leaf["spec"]["dnsNames"][0], format!("tagger-admission.{NAMESPACE}.svc"), "{}", case.name);
        let volumes = &case.operator()["spec"]["template"]["spec"]["volumes"];
        let expected =
            json!({ "name": "certificate", "secret": { "secretName": leaf["spec"]["secretName"] } });
        assert_eq!(volumes[0], expected, "{}", case.name);
        let issuer = &leaf["spec"]["issuerRef"];
        let own = case.of("Issuer").find(|it| it["metadata"]["name"] == issuer["name"]);
        assert_eq!(own.is_some(), issuer["kind"] == "Issuer", "{}", case.name);
        number += 1;
    }
    assert_eq!(number, 4, "two files of values, two versions");
}

#[test]
fn the_definition_stays_when_the_chart_goes_unless_told_otherwise() {
    for case in CASES.iter() {
        for definition in case.of("CustomResourceDefinition") {
            let keep = &definition["metadata"]["annotations"]["helm.sh/resource-policy"];
            assert_eq!(*keep == "keep", !case.name.starts_with("ci/all"), "{}", case.name);
            let rules = definition.to_string().contains("x-kubernetes-validations");
            assert_eq!(rules, case.name.ends_with("1.36"), "{}: an old server knows no rules", case.name);
        }
    }
}
