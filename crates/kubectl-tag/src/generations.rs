//! Finding the generations of a Tag, and what registries have of them.

use kube::ResourceExt;
use tagger_api::Tag;
use tagger_core::generation::Generation;
use tagger_core::policy::Choice;
use tagger_core::reference::Reference;

use crate::problem::Problem;

/// The generation with this number, or the current one. One that is not there is an error that says which are.
pub(crate) fn generation(tag: &Tag, number: Option<i64>) -> Result<&Generation, Problem> {
    let known = || tag.status.iter().flat_map(|status| status.references.iter());
    let current = tag.status.as_ref().and_then(|status| status.generation);
    match number.or(current) {
        Some(generation) => known().find(|known| known.generation == generation).ok_or_else(|| {
            let there = known().map(|known| known.generation).collect();
            Problem::NoGeneration { tag: tag.name_any(), generation, there }
        }),
        None => Err(Problem::NoStep(
            format!("the Tag {:?} has imported nothing yet", tag.name_any()),
            Some(format!("kubectl tag status {} says why", tag.name_any())),
        )),
    }
}

/// The reference of an image as a Tag recorded it.
pub(crate) fn recorded(text: &str) -> Result<Reference, Problem> {
    text.parse()
        .map_err(|error: tagger_core::reference::ReferenceError| Problem::Invalid(error.to_string(), None))
}

/// How a Tag's tag is chosen, or none where `from` bears it.
pub(crate) fn choice(tag: &Tag) -> Result<Option<Choice>, String> {
    tag.spec.choice().map_err(|problem| format!("{}: {}", problem.field, problem.message))
}
