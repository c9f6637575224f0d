//! Azure Container Registry by Event Grid: a list of events, in Event Grid's own form or as CloudEvents.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Heard;
use super::azure::Push;
use crate::cloud_event;
use crate::json;
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

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
    let mut references = Vec::new();
    if message.headers.contains_key("ce-type") {
        for event in
            cloud_event::events(message)?.iter().filter(|event| PUSHES.contains(&event.kind.as_str()))
        {
            references.extend(event.data(|push: Push| push.pushed(message))?);
        }
        return Ok(Heard::Pushed(references));
    }
    for (number, event) in json::objects::<Event<'_>>(message.body)?.iter().enumerate() {
        let at = |problem: Problem, name: &str| problem.under(&format!("[{number}]{name}"));
        let kind = naming::required(event.kind.as_deref(), "eventType").map_err(|problem| at(problem, ""))?;
        let data = event.data.map_or("{}", RawValue::get).as_bytes();
        if kind == VALIDATION {
            return code(data).map(Heard::Handshake).map_err(|problem| at(problem, ".data"));
        }
        if PUSHES.contains(&kind) {
            let pushed = json::object(data).and_then(|push: Push| push.pushed(message));
            references.extend(pushed.map_err(|problem| at(problem, ".data"))?);
        }
    }
    Ok(Heard::Pushed(references))
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
