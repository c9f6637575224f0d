//! Nexus Repository 3. It names no host; its repositories are a port or a host each, or the first part of a path: both are meant.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::json::{self, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

#[derive(Deserialize)]
struct Notification {
    action: Option<String>,
    #[serde(rename = "repositoryName")]
    repository_name: Option<String>,
    /// Other notifications of Nexus are about something else.
    component: Option<Object<Component>>,
    asset: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Component {
    format: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
    let told: Notification = json::object(message.body)?;
    let action = naming::required(told.action.as_deref(), "action")?;
    let component = match (told.component, told.asset) {
        (Some(component), _) => component,
        (None, Some(_)) => return Ok(Vec::new()),
        (None, None) => return Err(Problem::Missing("component".to_owned())),
    };
    let format = naming::required(component.format.as_deref(), "component.format")?;
    // A tag that moves is a component that is updated.
    if !matches!(action, "CREATED" | "UPDATED") || format != "docker" {
        return Ok(Vec::new());
    }
    let Some(tag) = naming::tag(component.version.as_deref(), "component.version")? else {
        return Ok(Vec::new());
    };
    let name = naming::required(component.name.as_deref(), "component.name")?;
    let registry = message.place(None, "")?;
    let mut references =
        vec![naming::reference(&registry, naming::repository(name, "component.name")?, tag.clone())];
    // The name of a repository may be one that no image can have. Then it is not in a path.
    let path = told.repository_name.map(|outer| format!("{outer}/{name}"));
    let path = path.and_then(|path| naming::repository(&path, "repositoryName").ok());
    references.extend(path.map(|path| naming::reference(&registry, path, tag)));
    Ok(references)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sent, told};
    use crate::Provider::Nexus;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "timestamp": "2026-01-10T23:57:49.664+0000", "nodeId": "52905B51-085CCABB-CEBBEAAD-16795588-FC927D93",
            "initiator": "admin/127.0.0.1", "repositoryName": "docker-hosted", "action": "CREATED",
            "component": {
                "id": "08909bf0c86cf6c9600aade89e1c5e25", "componentId": "ZG9ja2VyOjA4OTA5", "format": "docker",
                "name": "team/myapp", "version": "v1",
            },
        })
    }

    #[rstest]
    #[case("CREATED")]
    #[case("UPDATED")]
    fn a_push_names_its_tag_in_both_places_that_it_may_have(#[case] action: &str) {
        let mut body = body();
        body["action"] = json!(action);
        let sent = Sent::new(&body).registry("nexus.company.com:8082");
        let names =
            ["nexus.company.com:8082/team/myapp:v1", "nexus.company.com:8082/docker-hosted/team/myapp:v1"];
        assert_eq!(sent.told(Nexus), names);
        body["repositoryName"] = json!("Docker Hosted");
        assert_eq!(Sent::new(&body).registry("a.io").told(Nexus), ["a.io/team/myapp:v1"]);
    }

    #[rstest]
    #[case("/action", json!("DELETED"))]
    #[case("/component/format", json!("npm"))]
    #[case("/component/version", json!(""))]
    #[case("", json!({"action": "CREATED", "asset": {"format": "docker", "name": "v2/team/myapp/manifests/v1"}}))]
    fn what_is_no_push_of_a_tag_is_nothing(#[case] place: &str, #[case] value: Value) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        assert_eq!(told(Nexus, &body), [""; 0]);
    }

    #[rstest]
    #[case("/action", Value::Null, "`action` is missing")]
    #[case("/component", Value::Null, "`component` is missing")]
    #[case("/component", json!([]), "`component` must be an object")]
    #[case("/component/format", Value::Null, "`component.format` is missing")]
    #[case("/component/name", Value::Null, "`component.name` is missing")]
    #[case("/component/version", json!("v 1"), "`component.version` must be a tag")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        let problem = Sent::new(&body).registry("a.io").problem(Nexus);
        assert!(problem.starts_with(told), "{problem}");
    }

    #[test]
    fn the_registry_has_to_be_given() {
        assert!(Sent::new(&body()).problem(Nexus).contains("add ?registry=HOST"));
    }
}
