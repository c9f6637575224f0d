//! JFrog Artifactory. Its repositories are the first part of a path, or a host each; where it is not known which, both are meant.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::json::{self, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

#[derive(Deserialize)]
struct Kind {
    domain: Option<String>,
    event_type: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(default)]
    data: Object<Data>,
    jpd_origin: Option<String>,
}

#[derive(Default, Deserialize)]
struct Data {
    repo_key: Option<String>,
    image_name: Option<String>,
    tag: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
    let kind: Kind = json::object(message.body)?;
    let domain = naming::required(kind.domain.as_deref(), "domain")?;
    let event_type = naming::required(kind.event_type.as_deref(), "event_type")?;
    if (domain, event_type) != ("docker", "pushed") {
        return Ok(Vec::new());
    }
    let told: Notification = json::object(message.body)?;
    let Some(tag) = naming::tag(told.data.tag.as_deref(), "data.tag")? else { return Ok(Vec::new()) };
    let image = naming::required(told.data.image_name.as_deref(), "data.image_name")?;
    let key = naming::required(told.data.repo_key.as_deref(), "data.repo_key")?;
    let registry = message.place(told.jpd_origin.as_deref().map(naming::host_of), "jpd_origin")?;
    let in_path = naming::repository(&format!("{key}/{image}"), "data.repo_key")?;
    let mut references = vec![naming::reference(&registry, in_path, tag.clone())];
    if message.registry.is_some() {
        let alone = naming::repository(image, "data.image_name")?;
        references.push(naming::reference(&registry, alone, tag));
    }
    Ok(references)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sent, problem, told};
    use crate::Provider::JFrog;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "domain": "docker", "event_type": "pushed",
            "data": {
                "repo_key": "docker-local", "event_type": "pushed", "path": "team/myapp/v1/list.manifest.json",
                "name": "list.manifest.json", "sha256": "0123456789abcdef", "size": 1024, "image_name": "team/myapp",
                "tag": "v1", "platforms": [],
            },
            "subscription_key": "tagger", "jpd_origin": "https://company.jfrog.io", "source": "jfrog/admin",
        })
    }

    #[test]
    fn a_push_names_its_tag() {
        assert_eq!(told(JFrog, &body()), ["company.jfrog.io/docker-local/team/myapp:v1"]);
    }

    #[test]
    fn a_given_host_may_be_that_of_the_repository_alone() {
        let names = ["docker.company.com/docker-local/team/myapp:v1", "docker.company.com/team/myapp:v1"];
        assert_eq!(Sent::new(&body()).registry("docker.company.com").told(JFrog), names);
    }

    #[rstest]
    #[case("/event_type", json!("deleted"))]
    #[case("/domain", json!("artifact"))]
    #[case("/data/tag", json!("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"))]
    fn what_is_no_push_of_a_tag_is_nothing(#[case] place: &str, #[case] value: Value) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        assert_eq!(told(JFrog, &body), [""; 0]);
    }

    #[rstest]
    #[case("/domain", Value::Null, "`domain` is missing")]
    #[case("/data", json!([]), "`data` must be an object")]
    #[case("/data/repo_key", Value::Null, "`data.repo_key` is missing")]
    #[case("/data/image_name", json!(""), "`data.image_name` is missing")]
    #[case("/data/tag", json!("v1\n"), "`data.tag` must be a tag")]
    #[case("/jpd_origin", Value::Null, "the notification names no registry; add ?registry=HOST")]
    #[case("/jpd_origin", json!("https://<origin>"), "`jpd_origin` must be a registry")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        let problem = problem(JFrog, &body);
        assert!(problem.starts_with(told), "{problem}");
    }
}
