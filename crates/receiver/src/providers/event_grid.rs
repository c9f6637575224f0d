//! Azure Container Registry by Event Grid: a list of events, in Event Grid's own form or as CloudEvents.

use serde::Deserialize;
use serde_json::value::RawValue;
use tagger_core::reference::Reference;

use super::Heard;
use super::azure::Push;
use crate::cloud_event;
use crate::json;
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;
use crate::pushed::Entries;

const VALIDATION: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";
const PUSHES: [&str; 2] = ["ImagePushed", "Microsoft.ContainerRegistry.ImagePushed"];

/// How long a validation code may be. Event Grid's are UUIDs.
const LONGEST_CODE: usize = 256;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "eventType", alias = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validation {
    validation_code: Option<String>,
}

pub(super) fn heard(message: &Message<'_>) -> Result<Heard, Problem> {
    if message.headers.contains_key("ce-type") {
        let pushed = cloud_event::pushed(message, |event| match PUSHES.contains(&event.kind.as_str()) {
            true => event.data(|push: Push| push.pushed(message)),
            false => Ok(None),
        });
        return pushed.map(Heard::Pushed);
    }
    let mut entries = Entries::default();
    for (place, entry) in json::entries(message.body)? {
        let told = json::object(entry).and_then(|event: Event<'_>| event.told(message));
        match told.map_err(|problem| problem.under(&place)) {
            Ok(Told::Handshake(code)) => return Ok(Heard::Handshake(code)),
            Ok(Told::Pushed(reference)) => entries.add(Ok(reference))?,
            Err(problem) => entries.add(Err::<Option<_>, _>(problem))?,
        }
    }
    entries.whole().map(Heard::Pushed)
}

/// What one event tells.
enum Told {
    Pushed(Option<Reference>),
    Handshake(String),
}

impl Event<'_> {
    fn told(&self, message: &Message<'_>) -> Result<Told, Problem> {
        let kind = naming::required(self.kind.as_deref(), "eventType")?;
        let data = self.data.map_or("{}", RawValue::get).as_bytes();
        let told = match kind {
            VALIDATION => code(data).map(Told::Handshake),
            kind if PUSHES.contains(&kind) => {
                json::object(data).and_then(|push: Push| push.pushed(message)).map(Told::Pushed)
            }
            _ => Ok(Told::Pushed(None)),
        };
        told.map_err(|problem| problem.under("data"))
    }
}

fn code(data: &[u8]) -> Result<String, Problem> {
    let Validation { validation_code } = json::object(data)?;
    let code = naming::required(validation_code.as_deref(), "validationCode")?;
    match code.len() <= LONGEST_CODE {
        true => Ok(code.to_owned()),
        false => Err(Problem::Wrong {
            field: "validationCode".to_owned(),
            expected: "at most 256 characters long",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sent, problem, told};
    use super::*;
    use crate::Provider::EventGrid;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn data() -> Value {
        json!({
            "id": "31c51664-e5bd-416a-a5df-e5206bc47ed0", "timestamp": "2026-01-25T21:39:47.276585742Z", "action": "push",
            "target": {
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": 3023, "length": 3023,
                "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "repository": "team/myapp", "tag": "v1",
            },
            "request": {"id": "7c66f28b", "host": "company.azurecr.io", "method": "PUT", "useragent": "docker/27"},
        })
    }

    fn event(field: &str, kind: &str, data: &Value) -> Value {
        json!({
            "id": "831e1650-001e-001b-66ab-eeb76e069631", "subject": "team/myapp:v1", field: kind, "data": data,
            "topic": "/subscriptions/1/resourceGroups/2/providers/Microsoft.ContainerRegistry/registries/company",
        })
    }

    #[rstest]
    #[case::its_own_form(json!([event("eventType", "ImagePushed", &data())]))]
    #[case::with_the_long_name(json!([event("eventType", "Microsoft.ContainerRegistry.ImagePushed", &data())]))]
    #[case::cloud_events(json!([event("type", "Microsoft.ContainerRegistry.ImagePushed", &data())]))]
    #[case::one_cloud_event(event("type", "Microsoft.ContainerRegistry.ImagePushed", &data()))]
    fn a_push_names_its_tag(#[case] body: Value) {
        assert_eq!(told(EventGrid, &body), ["company.azurecr.io/team/myapp:v1"]);
    }

    #[test]
    fn binary_cloud_events_count() {
        let sent = Sent::new(&data()).header("ce-type", "Microsoft.ContainerRegistry.ImagePushed");
        assert_eq!(sent.told(EventGrid), ["company.azurecr.io/team/myapp:v1"]);
        let sent = Sent::new(&data()).header("ce-type", "Microsoft.ContainerRegistry.ImageDeleted");
        assert_eq!(sent.told(EventGrid), [""; 0]);
    }

    #[test]
    fn a_handshake_gives_its_code_back() {
        let data = json!({"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", "validationUrl": "https://x.azure.net"});
        let heard = Sent::new(&json!([event("eventType", VALIDATION, &data)])).heard(EventGrid);
        assert_eq!(heard, Ok(Heard::Handshake("512d38b6-c7b8-40c8-89fe-f46f9e9622b6".to_owned())));
    }

    #[test]
    fn of_many_events_what_is_right_counts_and_what_is_not_is_told() {
        let wrong = event("eventType", "ImagePushed", &json!([]));
        let sent = Sent::new(&json!([wrong, event("eventType", "ImagePushed", &data())]));
        assert_eq!(sent.told(EventGrid), ["company.azurecr.io/team/myapp:v1"]);
        let told = sent.unusable(EventGrid);
        assert_eq!(told.as_deref(), Some("1 entry can't be used: `[0].data` must be an object"));
    }

    #[test]
    fn what_is_no_push_is_nothing() {
        let deletion = event("eventType", "ImageDeleted", &json!([]));
        assert_eq!(told(EventGrid, &json!([deletion])), [""; 0]);
        assert_eq!(told(EventGrid, &json!([])), [""; 0]);
    }

    #[rstest]
    #[case(json!("x"), "`the body` must be an object")]
    #[case(json!([1]), "`[0]` must be an object")]
    #[case(json!([{}]), "`[0].eventType` is missing")]
    #[case(json!([event("eventType", "ImagePushed", &json!([]))]), "`[0].data` must be an object")]
    #[case(json!([event("eventType", "ImagePushed", &json!({}))]), "`[0].data.action` is missing")]
    #[case(json!([event("eventType", VALIDATION, &json!({}))]), "`[0].data.validationCode` is missing")]
    #[case(json!([event("eventType", VALIDATION, &json!({"validationCode": "x".repeat(257)}))]), "`[0].data.validationCode` must be at most 256")]
    fn what_is_wrong_is_named(#[case] body: Value, #[case] told: &str) {
        let problem = problem(EventGrid, &body);
        assert!(problem.starts_with(told), "{problem}");
    }
}
