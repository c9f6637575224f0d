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
