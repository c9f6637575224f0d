//! Google's Artifact Registry by Pub/Sub: a message whose data says what was done to which name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::json::{self, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

const DATA: &str = "message.data";

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    message: Object<Inner>,
}

#[derive(Default, Deserialize)]
struct Inner {
    data: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    action: Option<String>,
    tag: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
    let envelope: Envelope = json::object(message.body)?;
    let data = naming::required(envelope.message.data.as_deref(), DATA)?;
    let wrong = |_| Problem::Wrong { field: DATA.to_owned(), expected: "base64" };
    let data = STANDARD.decode(data).map_err(wrong)?;
    let reference = json::object(&data).and_then(|change: Change| change.pushed(message));
    Ok(reference.map_err(|problem| problem.under(DATA))?.into_iter().collect())
}

impl Change {
    fn pushed(&self, message: &Message<'_>) -> Result<Option<Reference>, Problem> {
        if naming::required(self.action.as_deref(), "action")? != "INSERT" {
            return Ok(None);
        }
        // `host/project/repository/image:tag`. An image that was pushed without a tag has none.
        let Some(name) = self.tag.as_deref().filter(|name| !name.is_empty()) else { return Ok(None) };
        let (host, path) = naming::host_and_path(name, "tag")?;
        let (path, tag) = path.split_once(':').unwrap_or((path, ""));
        let Some(tag) = naming::tag(Some(tag), "tag")? else { return Ok(None) };
        let repository = naming::repository(path, "tag")?;
        Ok(Some(naming::reference(&message.place(Some(host), "tag")?, repository, tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{problem, told};
    use super::*;
    use crate::Provider::Google;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn body(data: &Value) -> Value {
        json!({
            "message": {
                "data": STANDARD.encode(data.to_string()), "messageId": "136969346945", "message_id": "136969346945",
                "publishTime": "2026-01-26T19:13:55.749Z", "attributes": {},
            },
            "subscription": "projects/company/subscriptions/tagger",
        })
    }

    fn push() -> Value {
        json!({
            "action": "INSERT", "tag": "europe-docker.pkg.dev/company/team/myapp:v1",
            "digest": "europe-docker.pkg.dev/company/team/myapp@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        })
    }

    #[test]
    fn a_push_names_its_tag() {
        assert_eq!(told(Google, &body(&push())), ["europe-docker.pkg.dev/company/team/myapp:v1"]);
    }

    #[rstest]
    #[case(json!({"action": "DELETE", "tag": "gcr.io/company/myapp:v1"}))]
    #[case(json!({"action": "INSERT", "digest": "gcr.io/company/myapp@sha256:0"}))]
    #[case(json!({"action": "INSERT", "tag": "gcr.io/company/myapp"}))]
    fn what_is_no_push_of_a_tag_is_nothing(#[case] data: Value) {
        assert_eq!(told(Google, &body(&data)), [""; 0]);
    }

    #[rstest]
    #[case(json!({}), "`message.data` is missing")]
    #[case(json!({"message": []}), "`message` must be an object")]
    #[case(json!({"message": {"data": "?"}}), "`message.data` must be base64")]
    #[case(json!({"message": {"data": "eA=="}}), "`message.data` must be JSON")]
    #[case(body(&json!([])), "`message.data` must be an object")]
    #[case(body(&json!({})), "`message.data.action` is missing")]
    #[case(body(&json!({"action": "INSERT", "tag": "myapp:v1"})), "`message.data.tag` must be a host")]
    #[case(body(&json!({"action": "INSERT", "tag": "gcr.io/company/myapp:v\n1"})), "`message.data.tag` must be a tag")]
    fn what_is_wrong_is_named(#[case] body: Value, #[case] told: &str) {
        let problem = problem(Google, &body);
        assert!(problem.starts_with(told), "{problem}");
    }
}
