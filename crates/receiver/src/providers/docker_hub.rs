//! Docker Hub: one tag of one repository. Its `callback_url` is left alone: it is whatever the sender wrote.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::json::{self, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

#[derive(Deserialize)]
struct Notification {
    #[serde(default)]
    push_data: Object<PushData>,
    #[serde(default)]
    repository: Object<Repository>,
}

#[derive(Default, Deserialize)]
struct PushData {
    tag: Option<String>,
}

#[derive(Default, Deserialize)]
struct Repository {
    repo_name: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
    let Notification { push_data, repository } = json::object(message.body)?;
    let name = match (&repository.repo_name, &repository.namespace, &repository.name) {
        (None, Some(namespace), Some(name)) => Some(format!("{namespace}/{name}")),
        (name, _, _) => name.clone(),
    };
    let registry = message.place(Some("docker.io"), "")?;
    let repository = naming::repository(
        naming::required(name.as_deref(), "repository.repo_name")?,
        "repository.repo_name",
    )?;
    naming::required(push_data.tag.as_deref(), "push_data.tag")?;
    let tag = naming::tag(push_data.tag.as_deref(), "push_data.tag")?;
    Ok(tag.map(|tag| naming::reference(&registry, repository, tag)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{problem, told};
    use crate::Provider::DockerHub;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "callback_url": "https://registry.hub.docker.com/u/company/myapp/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
            "push_data": {
                "images": ["27d47432a69bca5f2700e4dff7de0388ed65f9d3fb1ec645e2bc24c223dc1cc3"],
                "pushed_at": 1_417_566_161, "pusher": "somebody", "tag": "v1",
            },
            "repository": {
                "comment_count": 0, "date_created": 1_417_494_799, "description": "", "dockerfile": "FROM scratch",
                "full_description": "", "is_official": false, "is_private": true, "is_trusted": true, "name": "myapp",
                "namespace": "company", "owner": "company", "repo_name": "company/myapp",
                "repo_url": "https://registry.hub.docker.com/r/company/myapp/", "star_count": 0, "status": "Active",
            },
        })
    }

    #[test]
    fn a_push_names_its_tag() {
        assert_eq!(told(DockerHub, &body()), ["docker.io/company/myapp:v1"]);
    }

    #[test]
    fn an_official_image_is_in_the_library() {
        let mut body = body();
        body["repository"]["repo_name"] = json!("fedora");
        assert_eq!(told(DockerHub, &body), ["docker.io/library/fedora:v1"]);
    }

    #[test]
    fn a_name_in_two_parts_is_put_together() {
        let mut body = body();
        body["repository"]["repo_name"] = Value::Null;
        assert_eq!(told(DockerHub, &body), ["docker.io/company/myapp:v1"]);
    }

    #[rstest]
    #[case("/push_data/tag", Value::Null, "`push_data.tag` is missing")]
    #[case("/push_data/tag", json!("a\nb"), "`push_data.tag` must be a tag")]
    #[case("/push_data/tag", json!(1), "`push_data.tag` must be a string")]
    #[case("/push_data", json!([]), "`push_data` must be an object")]
    #[case("/repository", json!({}), "`repository.repo_name` is missing")]
    #[case("/repository/repo_name", json!("Company/App"), "`repository.repo_name` must be a repository")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        let problem = problem(DockerHub, &body);
        assert!(problem.starts_with(told), "{problem}");
    }
}
