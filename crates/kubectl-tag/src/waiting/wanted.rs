//! Where a Tag is to come to. Pure.

use jiff::Timestamp;
use tagger_api::Tag;

use crate::steering::Step;

/// Where a Tag is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its generation.
    pub(crate) goal: Goal,
    /// The version of the specification that asks for it.
    version: Option<i64>,
    /// The failure that was there before: it is not this one's.
    failed_before: Option<Timestamp>,
}

/// Which generation is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Whichever the Tag goes to by its specification.
    Any,
    /// The one that the specification names.
    Named(i64),
    /// One that is made: it may be followed by the next before anybody looks.
    Made(i64),
}

impl Wanted {
    /// Where a step leads, that the Tag was just told to take.
    pub(crate) fn by(step: Step, told: &Tag) -> Self {
        let attempt = told.status.as_ref().and_then(|status| status.last_import_attempt.as_ref());
        let goal = match step {
            Step::Import(number) => Goal::Made(number),
            Step::Select(number) | Step::Pin(number) => Goal::Named(number),
            Step::Follow | Step::Suspend | Step::Resume => Goal::Any,
        };
        Self {
            goal,
            version: told.metadata.generation,
            failed_before: attempt.filter(|attempt| !attempt.succeed).map(|attempt| attempt.when),
        }
    }

    /// Where a step leads that the Tag was told to take before: how that failed counts.
    pub(crate) fn still(step: Step, told: &Tag) -> Self {
        Self { failed_before: None, ..Self::by(step, told) }
    }

    /// The first generation of a Tag that was just made.
    pub(crate) fn first(made: &Tag) -> Self {
        Self::still(Step::Follow, made)
    }

    /// Whether the status of the Tag answers to what was asked for.
    pub(crate) fn is_observed(&self, tag: &Tag) -> bool {
        tag.status.as_ref().is_some_and(|status| status.observed_generation >= self.version)
    }

    /// Whether the Tag is at the generation.
    pub(crate) fn is_there(&self, tag: &Tag) -> bool {
        let current = tag.status.as_ref().and_then(|status| status.generation);
        self.is_observed(tag)
            && current.is_some_and(|current| match self.goal {
                Goal::Any => true,
                Goal::Named(number) => current == number,
                Goal::Made(number) => current >= number,
            })
    }

    /// The generation that the specification names by now, where that leads elsewhere.
    pub(crate) fn is_overtaken(&self, tag: &Tag) -> Option<i64> {
        let named = tag.spec.generation?;
        let leads_there = match self.goal {
            Goal::Any => true,
            Goal::Named(number) => named == number,
            Goal::Made(number) => named >= number,
        };
        (!leads_there).then_some(named)
    }

    /// Whether a failure came after what was asked for.
    pub(crate) fn is_new(&self, failed: Timestamp) -> bool {
        self.failed_before != Some(failed)
    }
}
