use std::time::Duration;

use tagger_core::reference::{Reference, Registry};

use crate::fault::Fault;

/// Says which image could not be looked up, and why.
///
/// No text of it holds a secret, a token or what a registry wrote; it is one line and can be shown to people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The image could not be had from its registry.
    #[error("{reference}: {fault}")]
    At {
        /// The image, with its registry.
        reference: Reference,
        /// What failed.
        fault: Fault,
    },
    /// A name without a registry is in none of the registries where it is looked for.
    #[error("{name} has no registry and was found nowhere: {}", tried(.looked))]
    Nowhere {
        /// The name as it was given.
        name: Reference,
        /// The registries in the order they were asked, and what each said: not found, or not allowed.
        looked: Vec<(Registry, Fault)>,
    },
}

fn tried(looked: &[(Registry, Fault)]) -> String {
    looked.iter().map(|(registry, fault)| format!("{registry}: {fault}")).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// One fixed word for what failed, good as a condition reason, an Event reason and a metric label.
    pub fn reason(&self) -> &'static str {
        self.fault().reason()
    }

    /// Whether asking again is worth it, and when.
    pub fn retry(&self) -> Retry {
        self.fault().retry()
    }

    /// What failed; of several registries, the one that came nearest to having the image.
    pub fn fault(&self) -> &Fault {
        match self {
            Self::At { fault, .. } => fault,
            Self::Nowhere { looked, .. } => looked
                .iter()
                .map(|(_, fault)| fault)
                .find(|fault| !matches!(fault, Fault::NotFound))
                .unwrap_or(&Fault::NotFound),
        }
    }
}

/// Says whether an operation that failed is worth trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It may pass by itself: again soon, waiting longer each time.
    Soon,
    /// The registry asked not to be asked for this long.
    After(Duration),
    /// It stays as it is until a person changes something, here or at the registry: ask at the ordinary interval.
    WhenChanged,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_found_nowhere_says_where_it_was_looked_for() {
        let error = Error::Nowhere {
            name: "myapp".parse().unwrap(),
            looked: vec![
                ("docker.io".parse().unwrap(), Fault::Unauthorized { status: 401, credentials: 0 }),
                ("quay.io".parse().unwrap(), Fault::NotFound),
            ],
        };
        let text = error.to_string();
        assert!(
            text.starts_with("myapp:latest has no registry and was found nowhere: docker.io: "),
            "{text}"
        );
        assert!(text.contains("; quay.io: the registry does not have it"), "{text}");
        assert_eq!(error.reason(), "Unauthorized");
    }
}
