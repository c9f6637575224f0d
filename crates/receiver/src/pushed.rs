//! What a notification comes to. One entry that is of no use spoils no other: some registries send a notification that was
//! refused again and again, and all others wait behind it.

use std::fmt;

use tagger_core::reference::Reference;

use crate::problem::Problem;
use crate::providers::MOST;

/// The tags that were pushed, and what could not be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// The tags that were pushed; maybe none.
    pub references: Vec<Reference>,
    /// The entries that could not be used, where there are such.
    pub unusable: Option<Unusable>,
}

/// Entries of a notification that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// How many they are.
    pub count: usize,
    /// What is wrong with the first of them.
    pub first: Problem,
}

impl From<Vec<Reference>> for Pushed {
    fn from(references: Vec<Reference>) -> Self {
        Self { references, unusable: None }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "1 entry can't be used: {}", self.first),
            count => write!(f, "{count} entries can't be used; of the first: {}", self.first),
        }
    }
}

/// The entries of a notification, as they are read one after the other.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pushed: Pushed,
    understood: usize,
}

impl Entries {
    /// Takes what an entry tells. More than a notification may tell is an error.
    pub(crate) fn add(
        &mut self,
        entry: Result<impl IntoIterator<Item = Reference>, Problem>,
    ) -> Result<(), Problem> {
        match entry {
            Ok(references) => {
                self.understood += 1;
                self.pushed.references.extend(references);
                if self.pushed.references.len() > MOST {
                    return Err(Problem::TooMany);
                }
            }
            Err(problem) => self.pass_over(problem),
        }
        Ok(())
    }

    /// Passes over an entry that the sender can't mend by sending something else.
    pub(crate) fn leave(&mut self, problem: Problem) {
        self.understood += 1;
        self.pass_over(problem);
    }

    fn pass_over(&mut self, problem: Problem) {
        self.pushed.unusable.get_or_insert(Unusable { count: 0, first: problem }).count += 1;
    }

    /// What they come to together; a problem where none of them was understood.
    pub(crate) fn whole(self) -> Result<Pushed, Problem> {
        match self.pushed.unusable {
            Some(Unusable { first, .. }) if self.understood == 0 => Err(first),
            _ => Ok(self.pushed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(field: &str) -> Problem {
        Problem::Missing(field.to_owned())
    }

    fn good() -> Result<Option<Reference>, Problem> {
        Ok(Some("a.io/b:v1".parse().unwrap()))
    }

    #[test]
    fn what_is_good_is_taken_and_the_rest_counted() {
        let mut entries = Entries::default();
        for entry in [Err(problem("a")), good(), Err(problem("b"))] {
            entries.add(entry).unwrap();
        }
        let Pushed { references, unusable } = entries.whole().unwrap();
        assert_eq!(references.len(), 1);
        assert_eq!(unusable.unwrap().to_string(), "2 entries can't be used; of the first: `a` is missing");
    }

    #[test]
    fn where_none_was_understood_it_is_a_problem() {
        let mut entries = Entries::default();
        entries.add(Err::<Option<Reference>, _>(problem("a"))).unwrap();
        assert_eq!(entries.whole(), Err(problem("a")));
        assert_eq!(Entries::default().whole(), Ok(Pushed::default()));
        let mut entries = Entries::default();
        entries.leave(problem("a"));
        assert_eq!(entries.whole().unwrap().unusable.unwrap().count, 1);
    }

    #[test]
    fn more_than_a_notification_may_tell_is_not_gathered() {
        let mut entries = Entries::default();
        let many: Vec<Reference> =
            (0..=MOST).map(|number| format!("a.io/b:{number}").parse().unwrap()).collect();
        assert_eq!(entries.add(Ok(many)), Err(Problem::TooMany));
    }
}
