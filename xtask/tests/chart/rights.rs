//! Least privilege: what the chart lets Tagger do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rendered::{CASES, Case, NAMESPACE, texts};

/// All rules, with the object that they are in.
fn rules(case: &Case) -> impl Iterator<Item = (&Value, &Value)> {
    let roles = case.objects.iter().filter(|object| object["rules"].is_array());
    roles.flat_map(|role| role["rules"].as_array().unwrap().iter().map(move |rule| (role, rule)))
}

#[test]
fn no_right_is_a_wildcard() {
    for case in CASES.iter() {
        assert!(rules(case).count() > 10, "{}", case.name);
        for (role, rule) in rules(case) {
            for field in ["apiGroups", "resources", "verbs"] {
                let words = texts(rule, field);
                assert!(
                    !words.is_empty() && words.iter().all(|word| !word.contains('*')),
                    "{}: {role}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn nothing_may_be_made_that_would_give_more_rights() {
    let raising: [&str; 8] = [
        "roles",
        "clusterroles",
        "rolebindings",
        "clusterrolebindings",
        "serviceaccounts/token",
        "pods/exec",
        "nodes",
        "users",
    ];
    for case in CASES.iter() {
        for (_, rule) in
            rules(case).filter(|(_, rule)| texts(rule, "resources").iter().any(|it| raising.contains(it)))
        {
            assert_eq!(texts(rule, "verbs"), ["get"], "{}: {rule}", case.name);
            assert!(!texts(rule, "resourceNames").is_empty(), "{}: {rule}", case.name);
        }
    }
}

#[test]
fn secrets_are_read_by_name_in_the_own_namespace_and_listed_elsewhere_by_a_role_of_its_own() {
    for case in CASES.iter() {
        for (role, rule) in rules(case).filter(|(_, rule)| texts(rule, "resources").contains(&"secrets")) {
            let (verbs, names) = (texts(rule, "verbs"), texts(rule, "resourceNames"));
            let at = format!("{}: {role}", case.name);
            match role["kind"].as_str().unwrap() {
                "ClusterRole" => {
                    assert!(role["metadata"]["name"].as_str().unwrap().ends_with("-credentials"), "{at}");
                    assert_eq!(verbs, ["list"], "{at}");
                }
                _ => {
                    assert_eq!(role["metadata"]["namespace"], NAMESPACE, "{at}");
                    assert!(verbs == ["create"] || !names.is_empty(), "{at}");
                }
            }
        }
    }
}

#[test]
fn what_can_be_named_is_named() {
    // Neither of these can: an object has no name that is known yet when it is made, and names of Tags and workloads are anybody's.
    let anybodys = ["images.io", "apps", "batch", "events.k8s.io"];
    for case in CASES.iter() {
        for (role, rule) in rules(case) {
            let named = !texts(rule, "resourceNames").is_empty();
            let is_anybodys = texts(rule, "apiGroups").iter().all(|group| anybodys.contains(group));
            let pods_or_pull_secrets = matches!(texts(rule, "resources")[..], ["pods"] | ["secrets"]);
            let only_makes = texts(rule, "verbs") == ["create"];
            assert!(
                named || is_anybodys || pods_or_pull_secrets || only_makes,
                "{}: {role}: {rule}",
                case.name
            );
        }
    }
}

#[test]
fn every_binding_is_of_a_role_that_is_there_to_the_account_of_the_pods() {
    for case in CASES.iter() {
        let roles: BTreeSet<_> = case
            .objects
            .iter()
            .filter(|object| object["rules"].is_array())
            .map(|role| (role["kind"].to_string(), role["metadata"]["name"].to_string()))
            .collect();
        let account = &case.operator()["spec"]["template"]["spec"]["serviceAccountName"];
        let expected = json!([{ "kind": "ServiceAccount", "name": account, "namespace": NAMESPACE }]);
        let bindings = case.objects.iter().filter(|object| object["roleRef"].is_object());
        let mut number = 0;
        for binding in bindings {
            let role = &binding["roleRef"];
            assert!(
                roles.contains(&(role["kind"].to_string(), role["name"].to_string())),
                "{}: {binding}",
                case.name
            );
            assert_eq!(binding["subjects"], expected, "{}", case.name);
            number += 1;
        }
        assert!(number >= 3, "{}", case.name);
    }
}

#[test]
fn secrets_are_listed_where_the_values_say() {
    let places = |values: Value| -> Vec<String> {
        let rendered = crate::rendered::render(json!({ "rbac": values })).unwrap();
        let objects = crate::rendered::objects(&rendered);
        let bindings = objects.iter().filter(|object| object["roleRef"]["name"] == "tagger-credentials");
        let place =
            |binding: &Value| binding["metadata"]["namespace"].as_str().unwrap_or("everywhere").to_owned();
        bindings.map(place).collect()
    };
    assert_eq!(places(json!({})), ["everywhere"]);
    let some = json!({ "pullSecrets": "namespaces", "pullSecretNamespaces": ["a", "b"] });
    assert_eq!(places(some), ["a", "b"]);
    assert_eq!(places(json!({ "pullSecrets": "none" })), [""; 0]);
}

#[test]
fn people_who_edit_may_all_that_people_who_view_may() {
    for case in CASES.iter() {
        let people = case
            .of("ClusterRole")
            .filter(|role| role["metadata"]["labels"].to_string().contains("aggregate-to"));
        for role in people {
            let labels = &role["metadata"]["labels"];
            assert_eq!(labels["rbac.authorization.k8s.io/aggregate-to-edit"], "true", "{}", case.name);
            assert_eq!(labels["rbac.authorization.k8s.io/aggregate-to-admin"], "true", "{}", case.name);
            let views = labels["rbac.authorization.k8s.io/aggregate-to-view"] == "true";
            for rule in role["rules"].as_array().unwrap() {
                assert_eq!(texts(rule, "resources"), ["tags"]);
                assert_eq!(texts(rule, "verbs") == ["get", "list", "watch"], views, "{}: {role}", case.name);
            }
        }
    }
}
