//! What Pods may do to the node, and what happens to them.

use serde_json::{Value, json};

use crate::rendered::{CASES, pod};

/// Everything that makes Pods, with its containers.
fn pods() -> impl Iterator<Item = (&'static str, &'static Value, Vec<&'static Value>)> {
    CASES.iter().flat_map(|case| {
        case.objects.iter().filter_map(|object| {
            let (_, spec) = pod(object)?;
            let containers = ["containers", "initContainers"].map(|field| spec[field].as_array());
            Some((case.name.as_str(), spec, containers.into_iter().flatten().flatten().collect()))
        })
    })
}

#[test]
fn every_pod_meets_pod_security_restricted() {
    for (at, spec, containers) in pods() {
        let own = &spec["securityContext"];
        assert_eq!(own["runAsNonRoot"], true, "{at}");
        assert_ne!(own["runAsUser"], 0, "{at}");
        assert_eq!(own["seccompProfile"]["type"], "RuntimeDefault", "{at}");
        for volume in spec["volumes"].as_array().into_iter().flatten() {
            assert!(volume["hostPath"].is_null(), "{at}: {volume}");
        }
        for field in ["hostPID", "hostIPC"] {
            assert!(spec[field].is_null(), "{at}");
        }
        // Whoever asks for the node's network has asked for less than restricted.
        assert_eq!(spec["hostNetwork"].is_null(), !at.contains("all.yaml") || containers.len() == 2, "{at}");
        assert!(!containers.is_empty());
        for container in containers {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{at}");
            assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }), "{at}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{at}");
            assert!(
                container["ports"].as_array().unwrap().iter().all(|port| port["hostPort"].is_null()),
                "{at}"
            );
        }
    }
}

#[test]
fn every_container_is_probed_and_has_its_memory_limited_and_its_processor_not() {
    for (at, _, containers) in pods() {
        for container in containers {
            assert!(
                container["livenessProbe"].is_object() && container["readinessProbe"].is_object(),
                "{at}"
            );
            assert!(container["resources"]["requests"]["memory"].is_string(), "{at}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{at}");
            assert!(container["resources"]["limits"]["cpu"].is_null(), "{at}");
            assert!(!container["image"].as_str().unwrap().ends_with(":latest"), "{at}");
        }
    }
}

#[test]
fn only_tagger_itself_has_a_token_of_the_api_server() {
    for (at, spec, containers) in pods() {
        assert_eq!(spec["automountServiceAccountToken"], containers[0]["name"] == "tagger", "{at}");
    }
}

#[test]
fn an_upgrade_takes_no_pod_away_before_another_is_there_and_gives_it_time_to_drain() {
    for case in CASES.iter() {
        let spec = &case.operator()["spec"];
        assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0, "{}", case.name);
        let pod = &spec["template"]["spec"];
        let environment = pod["containers"][0]["env"].as_array().unwrap();
        let drain = environment.iter().find(|variable| variable["name"] == "TAGGER_DRAIN").unwrap();
        let drain: i64 = drain["value"].as_str().unwrap().parse().unwrap();
        assert!(pod["terminationGracePeriodSeconds"].as_i64().unwrap() >= drain + 15, "{}", case.name);
    }
}

#[test]
fn the_budget_lets_one_pod_go_and_is_of_those_pods() {
    for case in CASES.iter() {
        for budget in case.of("PodDisruptionBudget") {
            let may_go = &budget["spec"]["maxUnavailable"];
            assert!(
                *may_go != json!(0) && *may_go != json!("0%") && !may_go.is_null(),
                "{}: {budget}",
                case.name
            );
            assert!(
                budget["spec"]["minAvailable"].is_null(),
                "{}: with one replica it would hold a node up",
                case.name
            );
            let (labels, _) = pod(case.operator()).unwrap();
            assert!(
                crate::rendered::selects(&budget["spec"]["selector"]["matchLabels"], labels),
                "{}",
                case.name
            );
            let version = if case.name.ends_with("1.20") { "policy/v1beta1" } else { "policy/v1" };
            assert_eq!(budget["apiVersion"], version, "{}", case.name);
        }
    }
}

#[test]
fn the_chart_itself_never_writes_webhook_configurations() {
    for case in CASES.iter() {
        let registered =
            case.objects.iter().filter(|it| it["kind"].as_str().unwrap().ends_with("WebhookConfiguration"));
        assert_eq!(registered.count(), 0, "{}: an upgrade would empty what Tagger wrote", case.name);
    }
}

#[test]
fn nodes_pull_where_nothing_can_be_written() {
    let case = CASES.iter().find(|case| case.name.starts_with("ci/cache.yaml")).unwrap();
    let registry = case.of("Deployment").find(|it| it["metadata"]["name"] == "tagger-cache").unwrap();
    let containers = registry["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let pull = containers.iter().find(|container| container["name"] == "pull").unwrap();
    assert_eq!(pull["volumeMounts"][0]["readOnly"], true);
    let configurations = case.of("ConfigMap").find(|it| it["metadata"]["name"] == "tagger-cache").unwrap();
    let read = |name: &str| -> Value {
        serde_yaml_ng::from_str(configurations["data"][name].as_str().unwrap()).unwrap()
    };
    let (push, pull) = (read("push.yml"), read("pull.yml"));
    assert_eq!(pull["storage"]["maintenance"]["readonly"]["enabled"], true);
    assert_eq!(pull["storage"]["delete"]["enabled"], false);
    assert_eq!(push["storage"]["delete"]["enabled"], true);
    assert_eq!(push["version"], "0.1", "a number would not do");
    let to_nodes: Vec<_> =
        case.of("Service").filter(|service| service["spec"]["type"] == "NodePort").collect();
    assert_eq!(to_nodes.len(), 1);
    assert_eq!(to_nodes[0]["spec"]["ports"][0]["targetPort"], "pull");
}
