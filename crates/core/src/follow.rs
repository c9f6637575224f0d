//! What becomes of a Tag whose registry was looked at.

use crate::generation::{Generation, History};
use crate::reference::Digest;

/// What a Tag needs after its registry was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing: the newest generation is what the registry has.
    Nothing,
    /// Import what was seen, as the current generation.
    Import {
        /// The number of the generation to make.
        number: i64,
    },
    /// Import what was seen, and leave the current generation as it is: a person stepped back.
    Record {
        /// The number of the generation to make.
        number: i64,
    },
    /// Raise `spec.generation`, which names the newest one; the import follows from that. The specification goes first, since a
    /// Tag that names an older generation than its newest is one that a person stepped back.
    Raise {
        /// The number that the specification is to name.
        number: i64,
    },
}

/// Says what comes of a digest that tracking saw. `wanted` is the generation that the specification names, which is one of the history.
/// What a person put into the cache says nothing of what the registry had, and is not undone while that has not moved.
pub fn consequence(wanted: Option<i64>, history: &History, digest: &Digest) -> Consequence {
    let number = history.next_number();
    let Some(newest) = history.newest() else { return Consequence::Import { number } };
    match wanted {
        _ if history.newest_seen().and_then(Generation::digest).as_ref() == Some(digest) => {
            Consequence::Nothing
        }
        None => Consequence::Import { number },
        Some(wanted) if wanted == newest.generation => Consequence::Raise { number },
        Some(_) => Consequence::Record { number },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::Trigger;
    use jiff::Timestamp;
    use rstest::rstest;

    fn digest(seed: u64) -> Digest {
        format!("sha256:{seed:064x}").parse().unwrap()
    }

    /// Generations 0, 1, … with the digests of these seeds.
    fn history(seeds: &[u64]) -> History {
        let one = |(number, seed): (usize, &u64)| Generation {
            generation: i64::try_from(number).unwrap(),
            from: "quay.io/company/myapp:latest".into(),
            imported_at: Timestamp::UNIX_EPOCH,
            image_reference: format!("quay.io/company/myapp@{}", digest(*seed)),
            digest: None,
            tag: None,
            media_type: None,
            trigger: None,
            source: None,
        };
        seeds.iter().enumerate().map(one).collect::<Vec<_>>().into()
    }

    #[rstest]
    #[case::the_same_is_nothing(None, &[7, 8], 8, Consequence::Nothing)]
    #[case::nor_is_it_for_a_number(Some(1), &[7, 8], 8, Consequence::Nothing)]
    #[case::nor_after_a_step_back(Some(0), &[7, 8], 8, Consequence::Nothing)]
    #[case::one_that_follows_goes_along(None, &[7, 8], 9, Consequence::Import { number: 2 })]
    #[case::also_to_what_it_had_before(None, &[7, 8], 7, Consequence::Import { number: 2 })]
    #[case::the_newest_number_is_raised(Some(1), &[7, 8], 9, Consequence::Raise { number: 2 })]
    #[case::a_step_back_is_not_undone(Some(0), &[7, 8], 9, Consequence::Record { number: 2 })]
    #[case::not_even_where_it_is_what_runs(Some(0), &[7, 8], 7, Consequence::Record { number: 2 })]
    #[case::the_first(None, &[], 7, Consequence::Import { number: 0 })]
    fn a_digest_that_was_seen(
        #[case] wanted: Option<i64>,
        #[case] known: &[u64],
        #[case] seen: u64,
        #[case] expected: Consequence,
    ) {
        assert_eq!(consequence(wanted, &history(known), &digest(seen)), expected);
    }

    #[rstest]
    #[case::is_not_undone(None, 7, Consequence::Nothing)]
    #[case::nor_with_a_number(Some(1), 7, Consequence::Nothing)]
    #[case::gives_way_to_what_is_new(None, 9, Consequence::Import { number: 2 })]
    #[case::also_with_a_number(Some(1), 9, Consequence::Raise { number: 2 })]
    #[case::and_to_the_same_image_when_it_is_pushed_upstream(None, 8, Consequence::Import { number: 2 })]
    fn an_upload(#[case] wanted: Option<i64>, #[case] seen: u64, #[case] expected: Consequence) {
        let history = history(&[7, 8]).map(|known| Generation {
            trigger: (known.generation == 1).then_some(Trigger::Upload),
            ..known.clone()
        });
        assert_eq!(consequence(wanted, &history, &digest(seen)), expected);
    }
}
