//! zot: CloudEvents, whose types begin as its configuration says.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::cloud_event;
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;
use crate::pushed::Pushed;

const UPDATE: &str = "image.updated";

#[derive(Deserialize)]
struct Image {
    name: Option<String>,
    reference: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Pushed, Problem> {
    cloud_event::pushed(message, |event| match event.kind.strip_suffix(UPDATE) {
        Some(before) if before.is_empty() || before.ends_with('.') => {
            event.data(|image: Image| image.pushed(message, event.source.as_deref()))
        }
        _ => Ok(None),
    })
}

impl Image {
    /// The source names the registry where it is configured to be a URL.
    fn pushed(&self, message: &Message<'_>, source: Option<&str>) -> Result<Option<Reference>, Problem> {
        let reference = naming::required(self.reference.as_deref(), "reference")?;
        let Some(tag) = naming::tag(Some(reference), "reference")? else { return Ok(None) };
        let repository = naming::repository(naming::required(self.name.as_deref(), "name")?, "name")?;
        let host = source.filter(|source| source.contains("://")).map(naming::host_of);
        Ok(Some(naming::reference(&message.place(host, "source")?, repository, tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sent;
    use crate::Provider::Zot;
    use rstest::rstest;
    use serde_json::{Value, json};

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn data() -> Value {
        json!({
            "name": "team/myapp", "reference": "v1", "digest": SHA,
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "manifest": "{}",
        })
    }

    fn event(kind: &str, source: &str) -> Value {
        json!({
            "specversion": "1.0", "id": "1", "source": source, "type": kind, "time": "2026-01-01T00:00:00Z",
            "datacontenttype": "application/json", "data": data(),
        })
    }

    fn binary(data: &Value) -> Sent {
        Sent::new(data).header("ce-type", "zotregistry.image.updated").header("ce-source", "zotregistry.dev")
    }

    #[test]
    fn an_update_names_its_tag_in_both_modes() {
        let name = ["zot.company.com/team/myapp:v1"];
        assert_eq!(binary(&data()).registry("zot.company.com").told(Zot), name);
        let structured = Sent::new(&event("zotregistry.image.updated", "zotregistry.dev"));
        assert_eq!(structured.registry("zot.company.com").told(Zot), name);
    }

    #[rstest]
    #[case("image.updated", "https://zot.company.com:8443/", "zot.company.com:8443/team/myapp:v1")]
    #[case("com.company.registry.image.updated", "https://zot.company.com", "zot.company.com/team/myapp:v1")]
    fn prefix_and_source_may_be_configured(#[case] kind: &str, #[case] source: &str, #[case] name: &str) {
        assert_eq!(Sent::new(&event(kind, source)).told(Zot), [name]);
    }

    #[rstest]
    #[case("zotregistry.image.deleted")]
    #[case("zotregistry.image.lint_failed")]
    #[case("zotregistry.repository.created")]
    #[case("zotregistry.otherimage.updated")]
    fn what_is_no_update_is_nothing(#[case] kind: &str) {
        assert_eq!(Sent::new(&event(kind, "zotregistry.dev")).told(Zot), [""; 0]);
    }

    #[test]
    fn a_push_by_digest_is_nothing() {
        let mut data = data();
        data["reference"] = json!(SHA);
        assert_eq!(binary(&data).registry("a.io").told(Zot), [""; 0]);
    }

    #[rstest]
    #[case("name", Value::Null, "`name` is missing")]
    #[case("name", json!("Team/App"), "`name` must be a repository")]
    #[case("reference", Value::Null, "`reference` is missing")]
    #[case("reference", json!("v1\n"), "`reference` must be a tag")]
    #[case("reference", json!([]), "`reference` must be a string")]
    fn what_is_wrong_is_named(#[case] field: &str, #[case] value: Value, #[case] told: &str) {
        let mut data = data();
        data[field] = value;
        let problem = binary(&data).registry("a.io").problem(Zot);
        assert!(problem.starts_with(told), "{problem}");
    }

    #[test]
    fn the_registry_has_to_be_known() {
        assert!(binary(&data()).problem(Zot).contains("add ?registry=HOST"));
    }
}
