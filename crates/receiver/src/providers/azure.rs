//! Azure Container Registry, as its webhooks and, in the same words, Event Grid tell of a push.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::json::{self, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

#[derive(Deserialize)]
pub(super) struct Push {
    action: Option<String>,
    #[serde(default)]
    target: Object<Target>,
    #[serde(default)]
    request: Object<Request>,
}

#[derive(Default, Deserialize)]
struct Target {
    repository: Option<String>,
    tag: Option<String>,
}

#[derive(Default, Deserialize)]
struct Request {
    host: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
    let push: Push = json::object(message.body)?;
    Ok(push.pushed(message)?.into_iter().collect())
}

impl Push {
    pub(super) fn pushed(&self, message: &Message<'_>) -> Result<Option<Reference>, Problem> {
        if naming::required(self.action.as_deref(), "action")? != "push" {
            return Ok(None);
        }
        let Some(tag) = naming::tag(self.target.tag.as_deref(), "target.tag")? else { return Ok(None) };
        let name = naming::required(self.target.repository.as_deref(), "target.repository")?;
        let repository = naming::repository(name, "target.repository")?;
        let registry = message.place(self.request.host.as_deref(), "request.host")?;
        Ok(Some(naming::reference(&registry, repository, tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sent, problem, told};
    use crate::Provider::Azure;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "id": "cb8c3971-9adc-488b-bdd8-43cbb4974ff5", "timestamp": "2026-01-17T16:52:01.343145347Z", "action": "push",
            "target": {
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": 524,
                "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "length": 524,
                "repository": "team/myapp", "tag": "v1",
            },
            "request": {"id": "3cbb6949", "host": "company.azurecr.io", "method": "PUT", "useragent": "docker/27"},
        })
    }

    #[test]
    fn a_push_names_its_tag() {
        assert_eq!(told(Azure, &body()), ["company.azurecr.io/team/myapp:v1"]);
        assert_eq!(
            Sent::new(&body()).registry("images.company.com").told(Azure),
            ["images.company.com/team/myapp:v1"]
        );
    }

    #[rstest]
    #[case::a_ping("/action", json!("ping"))]
    #[case::a_deletion("/action", json!("delete"))]
    #[case::a_chart("/action", json!("chart_push"))]
    #[case::no_tag("/target/tag", json!(""))]
    #[case::no_tag_at_all("/target/tag", Value::Null)]
    fn what_is_no_push_of_a_tag_is_nothing(#[case] place: &str, #[case] value: Value) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        assert_eq!(told(Azure, &body), [""; 0]);
    }

    #[rstest]
    #[case("/action", Value::Null, "`action` is missing")]
    #[case("/target", json!([]), "`target` must be an object")]
    #[case("/target/repository", Value::Null, "`target.repository` is missing")]
    #[case("/target/tag", json!("v1\r\nx"), "`target.tag` must be a tag")]
    #[case("/request/host", json!("https://company.azurecr.io"), "`request.host` must be a registry")]
    #[case("/request", json!({}), "the notification names no registry; add ?registry=HOST")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        let problem = problem(Azure, &body);
        assert!(problem.starts_with(told), "{problem}");
    }
}
