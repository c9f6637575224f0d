//! Quay: all tags of a repository that one push moved.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tagger_core::reference::Reference;

use crate::json::{self, List};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

#[derive(Deserialize)]
struct Notification {
    docker_url: Option<String>,
    updated_tags: Option<List<String>>,
    // What other notifications of Quay have, about builds, scans, mirrors and tags that expire.
    build_id: Option<IgnoredAny>,
    vulnerability: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
    expiring_in: Option<IgnoredAny>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
    let told: Notification = json::object(message.body)?;
    let Some(tags) = told.updated_tags else {
        let is_another = [told.build_id, told.vulnerability, told.message, told.expiring_in];
        return match is_another.iter().any(Option::is_some) {
            true => Ok(Vec::new()),
            false => Err(Problem::Missing("updated_tags".to_owned())),
        };
    };
    let url = naming::required(told.docker_url.as_deref(), "docker_url")?;
    let (host, path) = naming::host_and_path(url, "docker_url")?;
    let registry = message.place(Some(host), "docker_url")?;
    let repository = naming::repository(path, "docker_url")?;
    let mut references = Vec::new();
    for (number, text) in tags.whole()?.iter().enumerate() {
        let tag = naming::tag(Some(text), &format!("updated_tags[{number}]"))?;
        references.extend(tag.map(|tag| naming::reference(&registry, repository.clone(), tag)));
    }
    Ok(references)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sent, problem, told};
    use crate::Provider::Quay;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "name": "myapp", "repository": "company/myapp", "namespace": "company",
            "docker_url": "quay.io/company/myapp", "homepage": "https://quay.io/repository/company/myapp",
            "updated_tags": ["latest", "v1"],
        })
    }

    #[test]
    fn all_tags_of_a_push_count() {
        assert_eq!(told(Quay, &body()), ["quay.io/company/myapp:latest", "quay.io/company/myapp:v1"]);
    }

    #[test]
    fn a_registry_of_ones_own_is_named_or_given() {
        let mut body = body();
        body["docker_url"] = json!("quay.company.com:8443/team/sub/myapp");
        assert_eq!(told(Quay, &body)[0], "quay.company.com:8443/team/sub/myapp:latest");
        assert_eq!(Sent::new(&body).registry("b.io").told(Quay)[0], "b.io/team/sub/myapp:latest");
    }

    #[rstest]
    #[case::a_build(json!({"build_id": "1", "docker_url": "quay.io/company/myapp", "docker_tags": ["latest"]}))]
    #[case::a_scan(json!({"vulnerability": {"id": "CVE-1"}, "tags": ["latest"]}))]
    #[case::no_tags(json!({"docker_url": "quay.io/company/myapp", "updated_tags": []}))]
    fn what_is_no_push_is_nothing(#[case] body: Value) {
        assert_eq!(told(Quay, &body), [""; 0]);
    }

    #[rstest]
    #[case("/updated_tags", Value::Null, "`updated_tags` is missing")]
    #[case("/updated_tags", json!({"latest": "x"}), "`updated_tags` must be a list")]
    #[case("/updated_tags", json!(["a", "b\nc"]), "`updated_tags[1]` must be a tag")]
    #[case("/updated_tags", json!(["a", 2]), "`updated_tags[1]` must be a string")]
    #[case("/updated_tags", json!(vec!["a"; 10_000]), "the notification has more than 1000 entries")]
    #[case("/docker_url", Value::Null, "`docker_url` is missing")]
    #[case("/docker_url", json!("company"), "`docker_url` must be a host")]
    #[case("/docker_url", json!("quay io/x"), "`docker_url` must be a registry")]
    #[case("/docker_url", json!("quay.io/X"), "`docker_url` must be a repository")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        let problem = problem(Quay, &body);
        assert!(problem.starts_with(told), "{problem}");
    }
}
