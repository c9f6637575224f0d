//! What decides on a Tag's generation.

use serde::Serialize;
use tagger_api::{Tag, TagSpec};

/// What decides on a Tag's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// Nothing does: it is left as it is.
    Suspended,
    /// Its registry: it is at its newest generation.
    Following,
    /// A number that names the newest generation, and is raised with it.
    Numbered,
    /// A number that names an older generation: a person stepped back.
    Held,
}

impl Mode {
    pub(crate) fn of(tag: &Tag) -> Self {
        let newest = tag.status.as_ref().and_then(|status| status.references.newest());
        match tag.spec.generation {
            _ if tag.spec.is_suspended() => Self::Suspended,
            None => Self::Following,
            Some(number) if newest.is_some_and(|newest| number < newest.generation) => Self::Held,
            Some(_) => Self::Numbered,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Following => "following",
            Self::Numbered => "numbered",
            Self::Held => "held",
        }
    }

    /// What it means, for who has not read the documentation.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Suspended => "left as it is: no import, no roll-out",
            Self::Following => "at its newest generation",
            Self::Numbered => "spec.generation names the newest generation, and is raised with it",
            Self::Held => "spec.generation names an older one; what is new is recorded and not run",
        }
    }
}

/// How the tag is chosen and what makes it look, in words: `semver >=1.2.0; push notifications, every 10m`.
pub(crate) fn choice(spec: &TagSpec) -> String {
    let policy = spec.policy.as_deref().map(|policy| {
        let order = |order: &tagger_api::tag::OrderPolicy| match order.order {
            Some(tagger_api::tag::Order::Desc) => " (desc)",
            _ => "",
        };
        match (&policy.semver, &policy.numerical, &policy.alphabetical, &policy.sibling) {
            (Some(semver), ..) => format!("semver {}", semver.range),
            (_, Some(numerical), ..) => format!("numerical{}", order(numerical)),
            (_, _, Some(alphabetical), _) => format!("alphabetical{}", order(alphabetical)),
            (.., Some(sibling)) => format!("sibling of {}", sibling.tag),
            _ => "no policy".to_owned(),
        }
    });
    let filter =
        spec.filter_tags.as_deref().map(|filter| format!("of the tags that match {}", filter.pattern));
    let track = spec.track.as_deref();
    let push = track.and_then(|track| track.push) != Some(false);
    let looks: Vec<String> = [
        push.then(|| "push notifications".to_owned()),
        track.and_then(|track| track.interval.as_ref().map(|interval| format!("every {interval}"))),
        track.and_then(|track| {
            let zone = track.time_zone.as_deref().unwrap_or("UTC");
            track.schedule.as_ref().map(|schedule| format!("at {schedule} ({zone})"))
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let looks = if looks.is_empty() { "only when asked".to_owned() } else { looks.join(", ") };
    let chosen: Vec<String> = [policy, filter].into_iter().flatten().collect();
    if chosen.is_empty() { looks } else { format!("{}; {looks}", chosen.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    #[rstest]
    #[case(json!({}), "push notifications")]
    #[case(json!({ "track": { "push": false } }), "only when asked")]
    #[case(json!({ "track": { "interval": "10m" } }), "push notifications, every 10m")]
    #[case(json!({ "track": { "push": false, "schedule": "0 3 * * *" } }), "at 0 3 * * * (UTC)")]
    #[case(json!({ "policy": { "semver": { "range": "1.x" } } }), "semver 1.x; push notifications")]
    #[case(
        json!({ "policy": { "sibling": { "tag": "main-latest" } }, "filterTags": { "pattern": "^main-" } }),
        "sibling of main-latest of the tags that match ^main-; push notifications"
    )]
    fn a_choice_is_told_in_words(#[case] more: Value, #[case] told: &str) {
        let mut spec = json!({ "from": "a/b" });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(choice(&serde_json::from_value(spec).unwrap()), told);
    }
}
