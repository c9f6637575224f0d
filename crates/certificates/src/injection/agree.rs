//! Whether what is stored agrees with what is wanted, in all that is wanted. What the API server fills in, and what people
//! put beside it, is no difference.

use serde::Serialize;
use serde_json::Value;

/// Whether every field that is wanted is stored as it is wanted.
pub fn agrees<K: Serialize>(stored: &K, wanted: &K) -> bool {
    match (serde_json::to_value(stored), serde_json::to_value(wanted)) {
        (Ok(stored), Ok(wanted)) => covers("", &stored, &wanted),
        _ => false,
    }
}

fn covers(field: &str, stored: &Value, wanted: &Value) -> bool {
    match (stored, wanted) {
        // An API server keeps no empty text, such as the bundle of a public authority.
        (Value::Object(stored), Value::Object(wanted)) => wanted.iter().all(|(name, wanted)| {
            stored.get(name).map_or(*wanted == "", |stored| covers(name, stored, wanted))
        }),
        // Some providers add expressions of their own that keep webhooks out of their namespaces, and add them again
        // each time they are taken away.
        (Value::Array(stored), Value::Array(wanted)) if field == "matchExpressions" => {
            wanted.iter().all(|wanted| stored.contains(wanted))
        }
        (Value::Array(stored), Value::Array(wanted)) => {
            stored.len() == wanted.len()
                && stored.iter().zip(wanted).all(|(stored, wanted)| covers("", stored, wanted))
        }
        (stored, wanted) => stored == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn wanted() -> Value {
        json!({
            "metadata": { "name": "tagger", "labels": { "app": "tagger" } },
            "webhooks": [{
                "name": "a",
                "clientConfig": { "caBundle": "AA==", "service": { "name": "tagger" } },
                "rules": [{ "resources": ["pods"] }],
                "namespaceSelector": { "matchExpressions": [{ "key": "name", "operator": "NotIn", "values": ["b"] }] },
            }],
        })
    }

    #[rstest]
    #[case::as_it_is_wanted(|_: &mut Value| ())]
    #[case::with_defaults_of_the_server(|it: &mut Value| it["webhooks"][0]["clientConfig"]["service"]["port"] = json!(443))]
    #[case::with_a_label_of_a_person(|it: &mut Value| it["metadata"]["labels"]["team"] = json!("a"))]
    #[case::with_an_expression_of_a_provider(|it: &mut Value| {
        it["webhooks"][0]["namespaceSelector"]["matchExpressions"].as_array_mut().unwrap().push(json!({ "key": "plane" }));
    })]
    fn it_agrees(#[case] change: fn(&mut Value)) {
        let mut stored = wanted();
        change(&mut stored);
        assert!(agrees(&stored, &wanted()));
    }

    #[test]
    fn an_empty_bundle_that_the_server_left_out_agrees_and_one_that_is_there_does_not() {
        let mut none = wanted();
        none["webhooks"][0]["clientConfig"]["caBundle"] = json!("");
        assert!(!agrees(&wanted(), &none));
        let mut stored = wanted();
        stored["webhooks"][0]["clientConfig"].as_object_mut().unwrap().remove("caBundle");
        assert!(agrees(&stored, &none));
        assert!(!agrees(&stored, &wanted()));
    }

    #[rstest]
    #[case::with_another_bundle(|it: &mut Value| it["webhooks"][0]["clientConfig"]["caBundle"] = json!("BB=="))]
    #[case::without_a_webhook(|it: &mut Value| it["webhooks"] = json!([]))]
    #[case::with_another_webhook(|it: &mut Value| it["webhooks"].as_array_mut().unwrap().push(json!({})))]
    #[case::with_other_resources(|it: &mut Value| it["webhooks"][0]["rules"][0]["resources"] = json!(["pods", "jobs"]))]
    #[case::without_the_label(|it: &mut Value| it["metadata"]["labels"] = json!({}))]
    #[case::with_the_own_namespace_let_in(|it: &mut Value| it["webhooks"][0]["namespaceSelector"] = json!({}))]
    fn it_differs(#[case] change: fn(&mut Value)) {
        let mut stored = wanted();
        change(&mut stored);
        assert!(!agrees(&stored, &wanted()));
    }
}
