//! Which step a command takes. Pure.

use kube::ResourceExt;
use tagger_api::Tag;
use tagger_core::generation::History;
use tagger_core::reference::Reference;

use crate::problem::Problem;

#[cfg(test)]
mod tests;

/// What a command asks of a Tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Have this generation made, from what the registry has now.
    Import(i64),
    /// Go to a generation that is there, up or down.
    Select(i64),
    /// Be at this generation, which is there, and name it.
    Pin(i64),
    /// Name no generation any more.
    Follow,
    /// Be left as it is.
    Suspend,
    /// Go on.
    Resume,
}

/// The step of `import`: the next generation, whatever the current one is.
pub(crate) fn import(tag: &Tag) -> Result<Step, Problem> {
    goes_on(tag)?;
    Ok(Step::Import(history(tag).next_number()))
}

/// The step of `upgrade`: up by one among those that are there, and a new one at the newest.
pub(crate) fn upgrade(tag: &Tag) -> Result<Step, Problem> {
    goes_on(tag)?;
    let (name, history) = (tag.name_any(), history(tag));
    let Some(bound) = bound_for(tag) else {
        let why = format!("the Tag {name:?} has no generation yet; its first import is under way");
        return Err(Problem::NoStep(why, Some(format!("kubectl tag status {name} shows how that goes"))));
    };
    match numbers(&history).into_iter().rev().find(|number| *number > bound) {
        Some(number) => Ok(Step::Select(number)),
        None if is_fixed(tag, &history) => {
            let why = format!(
                "there is nothing to upgrade the Tag {name:?} to: its spec.from, {}, is a digest, which never moves",
                tag.spec.from
            );
            let next = format!(
                "kubectl edit tag {name} gives it another spec.from; kubectl tag import {name} imports the same once more"
            );
            Err(Problem::NoStep(why, Some(next)))
        }
        None => Ok(Step::Import(history.next_number())),
    }
}

/// The step of `downgrade`: down by one among those that are there.
pub(crate) fn downgrade(tag: &Tag) -> Result<Step, Problem> {
    let (name, there) = (tag.name_any(), numbers(&history(tag)));
    let below = bound_for(tag).and_then(|bound| there.iter().copied().find(|number| *number < bound));
    below.map(Step::Select).ok_or_else(|| {
        let why = match there.as_slice() {
            [] => format!("the Tag {name:?} has no generation yet, so there is none to go back to"),
            [one] => format!("the Tag {name:?} has no generation but {one}, so there is none to go back to"),
            some => {
                let some: Vec<String> = some.iter().map(i64::to_string).collect();
                format!("the Tag {name:?} is at its oldest generation; it has {}", some.join(", "))
            }
        };
        let next = match there.as_slice() {
            [] => format!("kubectl tag status {name} shows how its first import goes"),
            _ => {
                format!("kubectl tag history {name} shows what there is; spec.history says how many are kept")
            }
        };
        Problem::NoStep(why, Some(next))
    })
}

/// The step of `pin`: a generation that is there; the current one where none is named.
pub(crate) fn pin(tag: &Tag, wanted: Option<i64>) -> Result<Step, Problem> {
    let (name, history) = (tag.name_any(), history(tag));
    let Some(number) = wanted.or_else(|| current(tag)) else {
        let why = format!("the Tag {name:?} has no generation yet, so there is none to pin it to");
        let next = format!("kubectl tag status {name} shows how its first import goes");
        return Err(Problem::NoStep(why, Some(next)));
    };
    match history.get(number) {
        Some(_) => Ok(Step::Pin(number)),
        None => Err(Problem::NoGeneration { tag: name, generation: number, there: numbers(&history) }),
    }
}

/// The generation that workloads use now.
pub(crate) fn current(tag: &Tag) -> Option<i64> {
    tag.status.as_ref()?.generation
}

/// The generation that a Tag is at, or goes to as soon as the operator has seen its specification.
pub(crate) fn bound_for(tag: &Tag) -> Option<i64> {
    let history = history(tag);
    match tag.spec.generation {
        None => history.newest().map(|newest| newest.generation),
        Some(named) => history.get(named).map(|known| known.generation).or_else(|| current(tag)),
    }
}

/// The generations that there are.
pub(crate) fn history(tag: &Tag) -> History {
    tag.status.as_ref().map(|status| status.references.clone()).unwrap_or_default()
}

/// Whether the newest generation is from where the Tag points now.
pub(crate) fn is_from_here(tag: &Tag, history: &History) -> bool {
    let from = tag.spec.from.parse::<Reference>();
    from.is_ok_and(|from| history.newest().is_some_and(|newest| newest.is_from(&from)))
}

/// The numbers of the generations, from the newest.
fn numbers(history: &History) -> Vec<i64> {
    history.iter().map(|known| known.generation).collect()
}

/// Whether the image is named by its digest, and is there.
fn is_fixed(tag: &Tag, history: &History) -> bool {
    tag.spec.from.parse::<Reference>().is_ok_and(|from| from.digest().is_some()) && is_from_here(tag, history)
}

fn goes_on(tag: &Tag) -> Result<(), Problem> {
    if !tag.spec.is_suspended() {
        return Ok(());
    }
    let name = tag.name_any();
    let why = format!("the Tag {name:?} is suspended, and imports nothing");
    Err(Problem::NoStep(why, Some(format!("kubectl tag resume {name} has it go on"))))
}
