//! Wrong values are refused, with an error that names them.

use rstest::rstest;
use serde_json::{Value, json};

use crate::rendered::render;

#[rstest]
#[case::a_misspelt_name(json!({ "replica": 3 }), "replica")]
#[case::a_misspelt_name_inside(json!({ "cache": { "adress": "a" } }), "adress")]
#[case::a_text_for_a_number(json!({ "replicas": "two" }), "/replicas")]
#[case::a_flag_beyond_its_range(json!({ "imports": 0 }), "/imports")]
#[case::a_drain_that_the_program_refuses(json!({ "admission": { "drainSeconds": 601 } }), "/admission/drainSeconds")]
#[case::a_url_for_a_registry(json!({ "registries": { "insecure": ["http://quay.io"] } }), "/registries/insecure/0")]
#[case::a_provider_that_is_none(json!({ "receiver": { "open": ["dockerhub"] } }), "/receiver/open/0")]
#[case::a_digest_that_is_none(json!({ "image": { "digest": "sha256:abc" } }), "/image/digest")]
#[case::an_authority_from_nowhere(json!({ "registries": { "authorities": [{ "key": "ca.crt" }] } }), "/registries/authorities/0")]
#[case::an_authority_from_two_places(
    json!({ "registries": { "authorities": [{ "configMap": "a", "secret": "b" }] } }),
    "/registries/authorities/0"
)]
#[case::no_namespaces_where_they_are_asked_for(json!({ "rbac": { "pullSecrets": "namespaces" } }), "/rbac/pullSecretNamespaces")]
#[case::a_budget_that_lets_nobody_go(json!({ "podDisruptionBudget": { "maxUnavailable": 0 } }), "/podDisruptionBudget/maxUnavailable")]
#[case::a_priority_that_is_the_systems_own(json!({ "priorityClass": { "value": 2_000_000_000 } }), "/priorityClass/value")]
#[case::a_name_that_is_too_long(json!({ "fullnameOverride": "a".repeat(41) }), "/fullnameOverride")]
#[case::a_form_of_the_log_that_is_none(json!({ "log": { "format": "xml" } }), "/log/format")]
fn a_wrong_value_is_named(#[case] values: Value, #[case] name: &str) {
    let error = render(values).unwrap_err().to_string();
    assert!(error.contains(name), "{error}");
}

#[rstest]
#[case::what_charts_share(json!({ "global": { "anything": { "at": "all" } } }))]
#[case::the_condition_of_a_chart_around_it(json!({ "enabled": true }))]
#[case::nothing_in_place_of_a_default(json!({ "podSecurityContext": { "runAsUser": null } }))]
fn what_is_right_is_not_refused(#[case] values: Value) {
    render(values).unwrap();
}
