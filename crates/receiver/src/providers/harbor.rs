//! Harbor, in its own form and as CloudEvents.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::cloud_event;
use crate::json::{self, List, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;
use crate::pushed::Pushed;

/// What a push is called: now, in older versions, and in CloudEvents.
const PUSHES: [&str; 3] = ["PUSH_ARTIFACT", "pushImage", "harbor.artifact.pushed"];

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(default)]
    event_data: Object<Data>,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    resources: List<Object<Resource>>,
    #[serde(default)]
    repository: Object<Repository>,
}

#[derive(Deserialize)]
struct Resource {
    tag: Option<String>,
    resource_url: Option<String>,
}

#[derive(Default, Deserialize)]
struct Repository {
    name: Option<String>,
    namespace: Option<String>,
    repo_full_name: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Pushed, Problem> {
    if cloud_event::is_one(message) {
        return cloud_event::pushed(message, |event| match PUSHES.contains(&event.kind.as_str()) {
            true => event.data(|data: Data| data.pushed(message)),
            false => Ok(Vec::new()),
        });
    }
    let Kind { kind } = json::object(message.body)?;
    if !PUSHES.contains(&naming::required(kind.as_deref(), "type")?) {
        return Ok(Pushed::default());
    }
    let told: Notification = json::object(message.body)?;
    let pushed = told.event_data.0.pushed(message).map_err(|problem| problem.under("event_data"))?;
    Ok(pushed.into())
}

impl Data {
    fn pushed(self, message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
        let resources = self.resources.whole()?;
        if resources.is_empty() {
            return Err(Problem::Missing("resources".to_owned()));
        }
        let field = "repository.repo_full_name";
        let name = match (&self.repository.repo_full_name, &self.repository.namespace, &self.repository.name)
        {
            (None, Some(namespace), Some(name)) => Some(format!("{namespace}/{name}")),
            (name, _, _) => name.clone(),
        };
        let repository = naming::repository(naming::required(name.as_deref(), field)?, field)?;
        let mut references = Vec::new();
        for (number, resource) in resources.iter().enumerate() {
            let at = |name: &str| format!("resources[{number}].{name}");
            let Some(tag) = naming::tag(resource.tag.as_deref(), &at("tag"))? else { continue };
            let url = resource.resource_url.as_deref().map(naming::host_of);
            let registry = message.place(url, &at("resource_url"))?;
            references.push(naming::reference(&registry, repository.clone(), tag));
        }
        Ok(references)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sent, problem, told};
    use crate::Provider::Harbor;
    use rstest::rstest;
    use serde_json::{Value, json};

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn data() -> Value {
        json!({
            "resources": [{"digest": SHA, "tag": "v1", "resource_url": "harbor.company.com/team/myapp:v1"}],
            "repository": {
                "date_created": 1_586_922_308, "name": "myapp", "namespace": "team",
                "repo_full_name": "team/myapp", "repo_type": "private",
            },
        })
    }

    fn body() -> Value {
        json!({"type": "PUSH_ARTIFACT", "occur_at": 1_586_922_308, "operator": "admin", "event_data": data()})
    }

    fn event() -> Value {
        json!({
            "specversion": "1.0", "id": "4b2f89a6", "source": "/projects/1/webhook/policies/15", "time": "2026-01-14T04:37:24Z",
            "type": "harbor.artifact.pushed", "datacontenttype": "application/json", "operator": "admin", "data": data(),
        })
    }

    #[rstest]
    #[case("PUSH_ARTIFACT")]
    #[case("pushImage")]
    fn a_push_names_its_tag(#[case] kind: &str) {
        let mut body = body();
        body["type"] = json!(kind);
        assert_eq!(told(Harbor, &body), ["harbor.company.com/team/myapp:v1"]);
        assert_eq!(Sent::new(&body).registry("b.io:8443").told(Harbor), ["b.io:8443/team/myapp:v1"]);
    }

    #[test]
    fn cloud_events_count_in_both_modes() {
        let name = ["harbor.company.com/team/myapp:v1"];
        assert_eq!(
            Sent::new(&event()).header("content-type", "application/cloudevents+json").told(Harbor),
            name
        );
        assert_eq!(told(Harbor, &event()), name, "however it is declared");
        assert_eq!(Sent::new(&data()).header("ce-type", "harbor.artifact.pushed").told(Harbor), name);
    }

    #[rstest]
    #[case(json!({"type": "PULL_ARTIFACT", "event_data": {"resources": 1}}))]
    #[case(json!({"type": "SCANNING_COMPLETED", "event_data": {}}))]
    #[case(json!({"specversion": "1.0", "type": "harbor.artifact.deleted", "data": {"resources": 1}}))]
    fn what_is_no_push_is_nothing(#[case] body: Value) {
        assert_eq!(told(Harbor, &body), [""; 0]);
    }

    #[test]
    fn a_push_without_a_tag_has_the_digest_in_its_place() {
        let mut body = body();
        body["event_data"]["resources"][0]["tag"] = json!(SHA);
        assert_eq!(told(Harbor, &body), [""; 0]);
    }

    #[rstest]
    #[case("/type", Value::Null, "`type` is missing")]
    #[case("/event_data", json!([]), "`event_data` must be an object")]
    #[case("/event_data/resources", json!([]), "`event_data.resources` is missing")]
    #[case("/event_data/resources/0", json!("x"), "`event_data.resources[0]` must be an object")]
    #[case("/event_data/resources/0/tag", json!("a\tb"), "`event_data.resources[0].tag` must be a tag")]
    #[case(
        "/event_data/resources/0/resource_url",
        Value::Null,
        "the notification names no registry; add ?registry=HOST"
    )]
    #[case("/event_data/repository", json!({"name": "myapp"}), "`event_data.repository.repo_full_name` is missing")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        let problem = problem(Harbor, &body);
        assert!(problem.starts_with(told), "{problem}");
    }
}
