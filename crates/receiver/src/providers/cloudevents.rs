//! CloudEvents of whoever says `registry`, `repository` and `tag` in the data. What they are called is of no account.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::cloud_event;
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;
use crate::pushed::Pushed;

#[derive(Deserialize)]
struct Image {
    registry: Option<String>,
    repository: Option<String>,
    tag: Option<String>,
    digest: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Pushed, Problem> {
    cloud_event::pushed(message, |event| event.data(|image: Image| image.pushed(message)))
}

impl Image {
    fn pushed(&self, message: &Message<'_>) -> Result<Option<Reference>, Problem> {
        let name = naming::required(self.repository.as_deref(), "repository")?;
        let repository = naming::repository(name, "repository")?;
        if self.tag.is_none() && self.digest.is_none() {
            return Err(Problem::Missing("tag".to_owned()));
        }
        let Some(tag) = naming::tag(self.tag.as_deref(), "tag")? else { return Ok(None) };
        let host = self.registry.as_deref().map(naming::host_of);
        Ok(Some(naming::reference(&message.place(host, "registry")?, repository, tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sent;
    use crate::Provider::CloudEvents;
    use rstest::rstest;
    use serde_json::{Value, json};

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn data(tag: &str) -> Value {
        json!({"registry": "a.io:5000", "repository": "team/myapp", "tag": tag, "digest": SHA})
    }

    fn event(data: &Value) -> Value {
        json!({"specversion": "1.0", "id": "1", "source": "/ci", "type": "com.company.pushed", "data": data})
    }

    #[test]
    fn an_event_names_its_tag_in_every_mode() {
        assert_eq!(
            Sent::new(&data("v1")).header("ce-type", "x").told(CloudEvents),
            ["a.io:5000/team/myapp:v1"]
        );
        assert_eq!(Sent::new(&event(&data("v1"))).told(CloudEvents), ["a.io:5000/team/myapp:v1"]);
        let batch = json!([event(&data("v1")), event(&data("v2"))]);
        assert_eq!(
            Sent::new(&batch).told(CloudEvents),
            ["a.io:5000/team/myapp:v1", "a.io:5000/team/myapp:v2"]
        );
        let elsewhere = Sent::new(&event(&data("v1"))).registry("b.io");
        assert_eq!(elsewhere.told(CloudEvents), ["b.io/team/myapp:v1"]);
    }

    #[test]
    fn of_a_batch_what_is_right_counts_and_what_is_not_is_told() {
        let wrong = data("v\n2");
        let batch = Sent::new(&json!([event(&wrong), event(&data("v1")), event(&json!({}))]));
        assert_eq!(batch.told(CloudEvents), ["a.io:5000/team/myapp:v1"]);
        let told = batch.unusable(CloudEvents).unwrap();
        assert!(
            told.starts_with("2 entries can't be used; of the first: `[0].data.tag` must be a tag"),
            "{told}"
        );
        let none = Sent::new(&json!([event(&wrong), {}]));
        assert!(none.problem(CloudEvents).starts_with("`[0].data.tag` must be a tag"));
    }

    #[test]
    fn a_push_by_digest_is_nothing() {
        let data = json!({"repository": "team/myapp", "digest": SHA});
        assert_eq!(Sent::new(&event(&data)).told(CloudEvents), [""; 0]);
    }

    #[rstest]
    #[case(json!({"repository": "a"}), "`data.tag` is missing")]
    #[case(json!({"tag": "v1"}), "`data.repository` is missing")]
    #[case(json!({"repository": "a", "tag": "v1"}), "the notification names no registry; add ?registry=HOST")]
    #[case(json!({"repository": "A", "tag": "v1"}), "`data.repository` must be a repository")]
    #[case(json!({"repository": "a", "tag": 1}), "`data.tag` must be a string")]
    #[case(json!({"registry": "a b", "repository": "a", "tag": "v1"}), "`data.registry` must be a registry")]
    fn what_is_wrong_is_named(#[case] data: Value, #[case] told: &str) {
        let problem = Sent::new(&event(&data)).problem(CloudEvents);
        assert!(problem.starts_with(told), "{problem}");
    }
}
