//! GitHub's container registry, in its two forms: `package`, and the older `registry_package`.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::json::{self, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

const EVENT: &str = "X-GitHub-Event";

#[derive(Deserialize)]
struct Notification {
    action: Option<String>,
    #[serde(alias = "registry_package")]
    package: Option<Object<Package>>,
}

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    namespace: Option<String>,
    package_type: Option<String>,
    #[serde(default)]
    owner: Object<Owner>,
    package_version: Option<Object<Version>>,
}

#[derive(Default, Deserialize)]
struct Owner {
    login: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    package_url: Option<String>,
    container_metadata: Option<Object<Metadata>>,
}

#[derive(Deserialize)]
struct Metadata {
    tag: Option<Object<Tag>>,
}

#[derive(Deserialize)]
struct Tag {
    name: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
    let field = match message.header(EVENT).ok_or(Problem::Header(EVENT))? {
        "package" => "package",
        "registry_package" => "registry_package",
        _ => return Ok(Vec::new()),
    };
    let told: Notification = json::object(message.body)?;
    let action = naming::required(told.action.as_deref(), "action")?;
    let package = told.package.ok_or_else(|| Problem::Missing(field.to_owned()))?;
    if !matches!(action, "published" | "updated") {
        return Ok(Vec::new());
    }
    let reference = package.0.pushed(message).map_err(|problem| problem.under(field))?;
    Ok(reference.into_iter().collect())
}

impl Package {
    fn pushed(&self, message: &Message<'_>) -> Result<Option<Reference>, Problem> {
        let kind = naming::required(self.package_type.as_deref(), "package_type")?;
        if !["container", "docker"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            return Ok(None);
        }
        let version = self.package_version.as_ref();
        let version = version.ok_or_else(|| Problem::Missing("package_version".to_owned()))?;
        // `host/owner/name:tag`; the tag may be missing, with its colon or without.
        const URL: &str = "package_version.package_url";
        let url = version.package_url.as_deref().filter(|url| !url.is_empty()).map(str::to_ascii_lowercase);
        let url = url.as_deref().map(|url| naming::host_and_path(url, URL)).transpose()?;
        let (host, path, field) = match url {
            Some((host, path)) => (host, path.split([':', '@']).next().unwrap_or_default().to_owned(), URL),
            None => ("ghcr.io", self.path()?, "name"),
        };
        let metadata = version.container_metadata.as_ref().and_then(|metadata| metadata.tag.as_ref());
        let named = metadata.and_then(|tag| tag.name.as_deref()).filter(|name| !name.is_empty());
        let tag = match named {
            Some(name) => naming::tag(Some(name), "package_version.container_metadata.tag.name")?,
            // As it was sent: a tag may have capital letters.
            None => naming::tag(version.tag_in_url(), URL)?,
        };
        let Some(tag) = tag else { return Ok(None) };
        let registry = message.place(Some(host), URL)?;
        Ok(Some(naming::reference(&registry, naming::repository(&path, field)?, tag)))
    }

    /// The repository, where no URL tells it. Owners may have capital letters, and repositories may not.
    fn path(&self) -> Result<String, Problem> {
        let owner = self.namespace.as_deref().or(self.owner.login.as_deref());
        let (owner, name) =
            (naming::required(owner, "namespace")?, naming::required(self.name.as_deref(), "name")?);
        Ok(format!("{owner}/{name}").to_ascii_lowercase())
    }
}

impl Version {
    fn tag_in_url(&self) -> Option<&str> {
        let (_, path) = self.package_url.as_deref()?.split_once('/')?;
        let name = path.split_once('@').map_or(path, |(name, _)| name);
        name.split_once(':').map(|(_, tag)| tag)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sent;
    use crate::Provider::GitHub;
    use rstest::rstest;
    use serde_json::{Value, json};

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn body(field: &str) -> Value {
        json!({
            "action": "published",
            field: {
                "id": 10_696, "name": "myapp", "namespace": "Company", "description": "", "ecosystem": "CONTAINER",
                "package_type": "CONTAINER", "html_url": "https://github.com/orgs/Company/packages/10696",
                "owner": {"login": "Company", "id": 1, "type": "Organization"},
                "package_version": {
                    "id": 50_001, "version": SHA, "name": SHA, "summary": "",
                    "package_url": "ghcr.io/company/myapp:v1",
                    "container_metadata": {
                        "tag": {"name": "v1", "digest": SHA}, "labels": {}, "manifest": {"digest": SHA},
                    },
                },
                "registry": {"type": "CONTAINER", "url": "https://ghcr.io"},
            },
            "repository": {"full_name": "Company/myapp", "owner": {"login": "Company"}},
        })
    }

    fn sent(event: &str, body: &Value) -> Sent {
        Sent::new(body).header("x-github-event", event)
    }

    #[rstest]
    #[case("package")]
    #[case("registry_package")]
    fn both_forms_name_their_tag(#[case] form: &str) {
        assert_eq!(sent(form, &body(form)).told(GitHub), ["ghcr.io/company/myapp:v1"]);
    }

    #[rstest]
    #[case::a_tag_in_the_url_alone("container_metadata", Value::Null, "ghcr.io/company/myapp:v1")]
    #[case::no_url("package_url", Value::Null, "ghcr.io/company/myapp:v1")]
    #[case::a_colon_with_nothing_behind_it("package_url", json!("ghcr.io/Company/myapp:"), "ghcr.io/company/myapp:v1")]
    #[case::ones_own("package_url", json!("containers.company.com/a/b/c:v1"), "containers.company.com/a/b/c:v1")]
    #[case::capital_letters("container_metadata", json!({"tag": {"name": "V1"}}), "ghcr.io/company/myapp:V1")]
    fn it_is_found_however_it_is_told(#[case] field: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = body("package");
        body["package"]["package_version"][field] = value;
        assert_eq!(sent("package", &body).told(GitHub), [told]);
    }

    #[rstest]
    #[case::a_ping("ping", "/action", json!("published"))]
    #[case::a_push_to_git("push", "/action", json!("published"))]
    #[case::a_deletion("package", "/action", json!("deleted"))]
    #[case::another_kind("package", "/package/package_type", json!("npm"))]
    fn what_is_no_push_is_nothing(#[case] event: &str, #[case] place: &str, #[case] value: Value) {
        let mut body = body("package");
        *body.pointer_mut(place).unwrap() = value;
        assert_eq!(sent(event, &body).told(GitHub), [""; 0]);
    }

    #[test]
    fn a_manifest_without_a_tag_is_nothing() {
        let mut body = body("registry_package");
        let version = &mut body["registry_package"]["package_version"];
        version["container_metadata"]["tag"]["name"] = json!("");
        for url in [
            "ghcr.io/company/myapp:".to_owned(),
            "ghcr.io/company/myapp".to_owned(),
            format!("ghcr.io/company/myapp@{SHA}"),
        ] {
            let mut body = body.clone();
            body["registry_package"]["package_version"]["package_url"] = json!(url);
            assert_eq!(sent("registry_package", &body).told(GitHub), [""; 0], "{url}");
        }
    }

    #[rstest]
    #[case("/package", Value::Null, "`package` is missing")]
    #[case("/package", json!([]), "`package` must be an object")]
    #[case("/action", Value::Null, "`action` is missing")]
    #[case("/package/package_type", Value::Null, "`package.package_type` is missing")]
    #[case("/package/package_version", Value::Null, "`package.package_version` is missing")]
    #[case("/package/package_version/package_url", json!("ghcr"), "`package.package_version.package_url` must be a host")]
    #[case("/package/package_version/package_url", json!("ghcr.io/a b:v1"), "`package.package_version.package_url` must be a repository")]
    #[case("/package/package_version/container_metadata/tag/name", json!("v\n1"), "`package.package_version.container_metadata.tag.name` must be a tag")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        for event in ["package", "registry_package"] {
            let here = |text: &str| text.replacen("package", event, 1);
            let (mut body, told) =
                (body(event), if told.starts_with("`package") { here(told) } else { told.to_owned() });
            let place = if place.starts_with("/package") { here(place) } else { place.to_owned() };
            *body.pointer_mut(&place).unwrap() = value.clone();
            let problem = sent(event, &body).problem(GitHub);
            assert!(problem.starts_with(&told), "{event}: {problem}");
        }
    }

    #[test]
    fn the_kind_of_event_has_to_be_told() {
        assert_eq!(Sent::new(&body("package")).problem(GitHub), "the header X-GitHub-Event is missing");
    }
}
