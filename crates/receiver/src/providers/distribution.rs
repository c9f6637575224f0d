//! The CNCF's distribution, and GitLab's registry, which is made of it: many events in an envelope.

use serde::Deserialize;
use serde_json::value::RawValue;
use tagger_core::reference::{Registry, Repository, TagName};

use crate::json::{self, List, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;
use crate::pushed::{Entries, Pushed};

/// What a tag can point at. Blobs are pushed as well, and told of.
const MANIFESTS: [&str; 6] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    events: Option<List<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Event {
    action: Option<String>,
    #[serde(default)]
    target: Object<Target>,
    #[serde(default)]
    request: Object<Request>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    media_type: Option<String>,
    repository: Option<String>,
    url: Option<String>,
    tag: Option<String>,
}

#[derive(Default, Deserialize)]
struct Request {
    host: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Pushed, Problem> {
    let envelope: Envelope<'_> = json::object(message.body)?;
    let events = envelope.events.ok_or_else(|| Problem::Missing("events".to_owned()))?.whole()?;
    let mut entries = Entries::default();
    for (number, event) in events.iter().enumerate() {
        let at = |problem: Problem| problem.under(&format!("events[{number}]"));
        let event = json::object(event.get().as_bytes());
        match event.and_then(|event: Event| Ok((event.pushed()?, event.registry(message)))) {
            Err(problem) => entries.add(Err::<Option<_>, _>(at(problem)))?,
            Ok((None, _)) => entries.add(Ok(None))?,
            Ok((Some((repository, tag)), Ok(registry))) => {
                entries.add(Ok(Some(naming::reference(&registry, repository, tag))))?;
            }
            // It is a header that whoever pushed has sent, and the registry sends what was refused again for ever: nobody who
            // may push must be able to hold up what others push.
            Ok((Some(_), Err(problem))) => entries.leave(at(problem)),
        }
    }
    entries.whole()
}

impl Event {
    fn pushed(&self) -> Result<Option<(Repository, TagName)>, Problem> {
        let action = naming::required(self.action.as_deref(), "action")?;
        let is_manifest = self.target.media_type.as_deref().is_some_and(|kind| MANIFESTS.contains(&kind));
        if action != "push" || !is_manifest {
            return Ok(None);
        }
        let Some(tag) = naming::tag(self.target.tag.as_deref(), "target.tag")? else { return Ok(None) };
        let name = naming::required(self.target.repository.as_deref(), "target.repository")?;
        Ok(Some((naming::repository(name, "target.repository")?, tag)))
    }

    fn registry(&self, message: &Message<'_>) -> Result<Registry, Problem> {
        let host = self.request.host.as_deref().filter(|host| !host.is_empty());
        match host {
            Some(host) => message.place(Some(host), "request.host"),
            None => message.place(self.target.url.as_deref().map(naming::host_of), "target.url"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sent, problem, told};
    use super::MANIFESTS;
    use crate::Provider::{Distribution, GitLab};
    use rstest::rstest;
    use serde_json::{Value, json};

    fn event(action: &str, kind: &str, tag: Option<&str>) -> Value {
        let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let mut target = json!({
            "mediaType": kind, "digest": digest, "size": 708, "length": 708, "repository": "company/myapp",
            "url": format!("http://registry.internal:5000/v2/company/myapp/manifests/{digest}"),
        });
        if let Some(tag) = tag {
            target["tag"] = json!(tag);
        }
        json!({
            "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7", "timestamp": "2026-01-09T14:44:26.402973972-08:00",
            "action": action, "target": target,
            "request": {"id": "6df24a34", "addr": "192.168.64.11:42961", "host": "registry.internal:5000",
                "method": "PUT", "useragent": "skopeo/1.18"},
            "actor": {}, "source": {"addr": "a5ceca2a4f6e:5000", "instanceID": "a53db899"},
        })
    }

    fn push() -> Value {
        event("push", MANIFESTS[0], Some("v1"))
    }

    #[rstest]
    #[case(Distribution)]
    #[case(GitLab)]
    fn of_an_envelope_the_pushes_of_tags_count(#[case] provider: crate::Provider) {
        let blob = event("push", "application/octet-stream", None);
        let layer = event("push", "application/vnd.oci.image.layer.v1.tar+gzip", Some("v0"));
        let child = event("push", MANIFESTS[1], None);
        let pull = event("pull", MANIFESTS[0], Some("v0"));
        let deletion = event("delete", MANIFESTS[0], Some("v0"));
        let docker = event("push", MANIFESTS[3], Some("v2"));
        let body = json!({"events": [blob, layer, child, push(), pull, deletion, docker]});
        let names = ["registry.internal:5000/company/myapp:v1", "registry.internal:5000/company/myapp:v2"];
        assert_eq!(told(provider, &body), names);
    }

    #[test]
    fn the_registry_is_where_it_was_pushed_to_unless_another_name_is_given() {
        let mut body = json!({"events": [push()]});
        assert_eq!(Sent::new(&body).registry("b.io").told(Distribution), ["b.io/company/myapp:v1"]);
        body["events"][0]["request"]["host"] = json!("");
        assert_eq!(told(Distribution, &body), ["registry.internal:5000/company/myapp:v1"]);
    }

    #[test]
    fn one_event_that_is_wrong_spoils_no_other() {
        let (mut wrong, mut broken) = (push(), push());
        wrong["target"]["tag"] = json!("v\n1");
        broken["action"] = json!(1);
        let sent = Sent::new(&json!({"events": [wrong, push(), broken, 1]}));
        assert_eq!(sent.told(Distribution), ["registry.internal:5000/company/myapp:v1"]);
        let told = sent.unusable(Distribution).unwrap();
        assert!(
            told.starts_with("3 entries can't be used; of the first: `events[0].target.tag` must be"),
            "{told}"
        );
    }

    #[rstest]
    #[case(json!("a_b:5000"), "1 entry can't be used: `events[0].request.host` must be a registry")]
    #[case(json!(""), "1 entry can't be used: the notification names no registry; add ?registry=HOST")]
    fn whoever_pushes_with_a_strange_host_holds_nobody_up(#[case] host: Value, #[case] told: &str) {
        let mut event = push();
        event["request"]["host"] = host;
        event["target"]["url"] = json!("/v2/company/myapp/manifests/v1");
        let sent = Sent::new(&json!({"events": [event]}));
        assert_eq!(sent.told(Distribution), [""; 0]);
        let unusable = sent.unusable(Distribution).unwrap();
        assert!(unusable.starts_with(told), "{unusable}");
        assert_eq!(sent.registry("b.io").told(Distribution), ["b.io/company/myapp:v1"]);
    }

    #[rstest]
    #[case("", json!({}), "`events` is missing")]
    #[case("", json!([]), "`the body` must be an object")]
    #[case("/events", json!({}), "`events` must be a list")]
    #[case("/events/0", json!([]), "`events[0]` must be an object")]
    #[case("/events/0/action", json!(null), "`events[0].action` is missing")]
    #[case("/events/0/target", json!("x"), "`events[0].target` must be an object")]
    #[case("/events/0/target/tag", json!("v\n1"), "`events[0].target.tag` must be a tag")]
    #[case("/events/0/target/repository", json!(null), "`events[0].target.repository` is missing")]
    #[case("/events", Value::Array(vec![push(); 1001]), "the notification has more than 1000 entries")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = json!({"events": [push()]});
        *body.pointer_mut(place).unwrap() = value;
        for provider in [Distribution, GitLab] {
            let problem = problem(provider, &body);
            assert!(problem.starts_with(told), "{provider:?}: {problem}");
        }
    }
}
