//! Which tag of a repository a specification means: `policy` and `filterTags`.

use tagger_core::policy::{self, Choice, Filter, FilterError, Rule};

use crate::tag::{FilterTags, Order, OrderPolicy, Policy, TagSpec};
use crate::validation::Problem;

impl TagSpec {
    /// How a tag of the repository is chosen, or none where `from` bears it.
    pub fn choice(&self) -> Result<Option<Choice>, Problem> {
        let filter = self.filter_tags.as_deref().map(filter).transpose()?;
        match (&self.policy, filter) {
            (Some(policy), filter) => Ok(Some(Choice::new(rule(policy)?, filter))),
            (None, Some(_)) => Err(needs_policy()),
            (None, None) => Ok(None),
        }
    }
}

/// What is wrong with a filter that nothing chooses from.
pub(crate) fn needs_policy() -> Problem {
    let message = "filterTags needs a policy: one of semver, numerical, alphabetical, sibling";
    Problem::new("spec.filterTags", &message)
}

/// The filter over the tags.
pub(crate) fn filter(filter: &FilterTags) -> Result<Filter, Problem> {
    Filter::new(&filter.pattern, filter.extract.as_deref()).map_err(|error| {
        let field = match error {
            FilterError::Extract(_) => "spec.filterTags.extract",
            _ => "spec.filterTags.pattern",
        };
        Problem::new(field, &error)
    })
}

/// The one rule of a policy.
pub(crate) fn rule(policy: &Policy) -> Result<Rule, Problem> {
    match policy {
        Policy { semver: Some(semver), numerical: None, alphabetical: None, sibling: None } => {
            let range = semver.range.parse().map(Rule::Semver);
            range.map_err(|error| Problem::new("spec.policy.semver.range", &error))
        }
        Policy { semver: None, numerical: Some(by), alphabetical: None, sibling: None } => {
            Ok(Rule::Numerical(order(by)))
        }
        Policy { semver: None, numerical: None, alphabetical: Some(by), sibling: None } => {
            Ok(Rule::Alphabetical(order(by)))
        }
        Policy { semver: None, numerical: None, alphabetical: None, sibling: Some(sibling) } => {
            let tag = sibling.tag.parse().map(Rule::Sibling);
            tag.map_err(|error| Problem::new("spec.policy.sibling.tag", &error))
        }
        _ => Err(Problem::new(
            "spec.policy",
            &"must have exactly one of: semver, numerical, alphabetical, sibling",
        )),
    }
}

fn order(policy: &OrderPolicy) -> policy::Order {
    match policy.order {
        None | Some(Order::Asc) => policy::Order::Asc,
        Some(Order::Desc) => policy::Order::Desc,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};
    use tagger_core::reference::TagName;

    fn choice(more: Value) -> Option<Choice> {
        let mut spec = json!({ "from": "quay.io/company/myapp" });
        json_patch::merge(&mut spec, &more);
        serde_json::from_value::<TagSpec>(spec).unwrap().choice().unwrap()
    }

    #[rstest]
    #[case(json!({ "policy": { "semver": { "range": "<2" } } }), "1.2.0")]
    #[case(json!({ "policy": { "numerical": {} }, "filterTags": { "pattern": "^main-([0-9]+)$", "extract": "$1" } }), "main-10")]
    #[case(json!({ "policy": { "numerical": { "order": "desc" } }, "filterTags": { "pattern": "^main-([0-9]+)$", "extract": "$1" } }), "main-9")]
    #[case(json!({ "policy": { "alphabetical": { "order": "asc" } } }), "main-latest")]
    #[case(json!({ "policy": { "alphabetical": { "order": "desc" } } }), "1.2.0")]
    fn a_policy_chooses(#[case] more: Value, #[case] chosen: &str) {
        let tags = ["1.2.0", "2.0.0", "main-10", "main-9", "main-latest"];
        let tags: Vec<TagName> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        assert_eq!(choice(more).unwrap().choose(&tags).map(TagName::as_str), Some(chosen));
    }

    #[test]
    fn a_sibling_is_asked_for() {
        let choice = choice(json!({ "policy": { "sibling": { "tag": "main-latest" } } })).unwrap();
        assert_eq!(choice.sibling().map(TagName::as_str), Some("main-latest"));
    }

    #[test]
    fn without_a_policy_nothing_is_chosen() {
        assert!(choice(json!({})).is_none());
    }
}
