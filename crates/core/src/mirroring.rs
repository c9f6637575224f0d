//! Which generations are to be copied into the cache, and when.

use jiff::Timestamp;

use crate::decide::{Situation, Step};
use crate::generation::{Generation, History};
use crate::reference::{Digest, Reference};

/// Where the generations of a Tag are to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirroring {
    /// Where they came from.
    Off,
    /// In a cache, and there is none.
    NoCache,
    /// In a cache, where these are not yet.
    Into(Vec<Absent>),
}

/// A generation that is to be in the cache and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The number of the generation.
    pub number: i64,
    /// Set while this one could not be had from where it came from: the moment for the next try.
    pub retry_at: Option<Timestamp>,
}

/// The generations whose image is not where `place` puts it. One whose record says too little to find its image stays as it is, and
/// so does one that a person put into a cache: there is nowhere else to have it from.
pub fn absent(history: &History, place: impl Fn(&Digest) -> Reference) -> impl Iterator<Item = &Generation> {
    history.iter().filter(|known| !known.is_upload()).filter(move |known| {
        source_of(known).is_some_and(|(_, digest)| place(&digest).to_string() != known.image_reference)
    })
}

/// Where the image of a generation came from, by digest, and the digest.
pub fn source_of(known: &Generation) -> Option<(Reference, Digest)> {
    let digest = known.digest()?;
    let origin: Reference = known.origin().parse().ok()?;
    origin.registry()?;
    Some((origin.pinned(&digest), digest))
}

/// What is to be done of a step and of the cache.
pub(crate) fn then(step: Step, situation: &Situation<'_>) -> Step {
    match (situation.mirroring, &step) {
        (_, Step::Select { .. }) => step,
        (Mirroring::Off, _) if situation.history.iter().any(Generation::is_mirrored) => Step::Restore,
        (
            Mirroring::NoCache,
            Step::Rest
            | Step::Look { .. }
            | Step::Import { .. }
            | Step::TakeUpload { .. }
            | Step::Wait { .. },
        ) => Step::NoCache,
        (Mirroring::Into(absent), Step::Rest) => copy(situation, absent),
        _ => step,
    }
}

/// The current generation is copied first, for it is the one that nodes pull; then the newest, down to the oldest. While the current
/// one is lost the others have their turn, under what the Tag was told of it.
fn copy(situation: &Situation<'_>, absent: &[Absent]) -> Step {
    match situation.retry_at {
        Some(until) if until > situation.now && !absent.is_empty() => return Step::Wait { until },
        _ => {}
    }
    let is_current = |absent: &&Absent| Some(absent.number) == situation.current;
    let others = absent.iter().filter(|absent| !is_current(absent));
    let lost = absent.iter().find(is_current).and_then(|current| current.retry_at);
    let due = |absent: &&Absent| absent.retry_at.is_none_or(|until| until <= situation.now);
    match absent.iter().filter(is_current).chain(others).find(due) {
        Some(next) => {
            let quiet = next.retry_at.or(situation.retry_at).or(lost).is_some();
            Step::Mirror { number: next.number, quiet }
        }
        None => lost.map_or(Step::Rest, |until| Step::Wait { until }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::decide;
    use crate::generation::Trigger;
    use rstest::rstest;

    const HERE: &str = "quay.io/company/myapp:latest";
    const SOURCE: &str = "quay.io/company/myapp";
    const COPY: &str = "cache.internal/dev/myapp";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn generation(number: i64, name: &str) -> Generation {
        let image = |name: &str| format!("{name}@sha256:{number:064x}");
        Generation {
            generation: number,
            from: HERE.into(),
            imported_at: Timestamp::UNIX_EPOCH,
            image_reference: image(name),
            digest: None,
            tag: None,
            media_type: None,
            trigger: None,
            source: (name != SOURCE).then(|| image(SOURCE)),
        }
    }

    fn history(places: &[(i64, &str)]) -> History {
        places.iter().map(|(number, name)| generation(*number, name)).collect::<Vec<_>>().into()
    }

    fn into_cache(history: &History, name: &str) -> Mirroring {
        let place: Reference = name.parse().unwrap();
        let absent = absent(history, |digest| place.pinned(digest));
        Mirroring::Into(absent.map(|known| Absent { number: known.generation, retry_at: None }).collect())
    }

    struct Wish {
        wanted: Option<i64>,
        current: Option<i64>,
        retry_at: Option<Timestamp>,
    }

    const REST: Wish = Wish { wanted: None, current: Some(2), retry_at: None };

    fn step(wish: &Wish, history: &History, mirroring: &Mirroring) -> Step {
        decide(&Situation {
            from: &HERE.parse().unwrap(),
            wanted: wish.wanted,
            suspended: false,
            current: wish.current,
            history,
            mirroring,
            requested: None,
            retry_at: wish.retry_at,
            look: None,
            now: at(50),
        })
    }

    fn mirror(number: i64) -> Step {
        Step::Mirror { number, quiet: false }
    }

    #[rstest]
    #[case::the_current_one_first(&[(2, SOURCE), (1, SOURCE), (0, SOURCE)], Some(1), mirror(1))]
    #[case::then_the_newest(&[(2, SOURCE), (1, COPY), (0, SOURCE)], Some(1), mirror(2))]
    #[case::then_the_older(&[(2, COPY), (1, COPY), (0, SOURCE)], Some(1), mirror(0))]
    #[case::then_nothing(&[(2, COPY), (1, COPY), (0, COPY)], Some(1), Step::Rest)]
    #[case::one_in_another_cache_is_copied_anew(&[(1, "old.internal/dev/myapp")], Some(1), mirror(1))]
    fn a_cache_that_is_turned_on_gets_the_generations_that_are_there(
        #[case] places: &[(i64, &str)],
        #[case] current: Option<i64>,
        #[case] expected: Step,
    ) {
        let history = history(places);
        let wish = Wish { wanted: current, current, retry_at: None };
        assert_eq!(step(&wish, &history, &into_cache(&history, COPY)), expected);
    }

    #[rstest]
    #[case::not_mirrored(&[(2, SOURCE)], REST, Step::Rest)]
    #[case::mirrored(&[(2, COPY)], REST, Step::Restore)]
    #[case::only_an_old_one(&[(2, SOURCE), (1, COPY)], REST, Step::Restore)]
    #[case::while_an_import_fails(&[(2, COPY)], Wish { wanted: Some(3), retry_at: Some(at(99)), ..REST }, Step::Restore)]
    #[case::while_the_number_is_refused(&[(2, COPY)], Wish { wanted: Some(9), ..REST }, Step::Restore)]
    #[case::a_step_goes_first(&[(2, COPY), (1, COPY)], Wish { wanted: Some(1), ..REST }, Step::Select { number: 1 })]
    fn a_cache_that_is_turned_off_is_left_at_once(
        #[case] places: &[(i64, &str)],
        #[case] wish: Wish,
        #[case] expected: Step,
    ) {
        assert_eq!(step(&wish, &history(places), &Mirroring::Off), expected);
    }

    #[rstest]
    #[case::at_rest(REST, Step::NoCache)]
    #[case::for_an_import(Wish { wanted: Some(3), ..REST }, Step::NoCache)]
    #[case::whose_last_one_failed(Wish { wanted: Some(3), retry_at: Some(at(99)), ..REST }, Step::NoCache)]
    #[case::a_step_needs_none(Wish { wanted: Some(1), ..REST }, Step::Select { number: 1 })]
    #[case::a_wrong_number_is_the_nearer_thing(Wish { wanted: Some(9), ..REST }, Step::Refuse { choices: vec![3, 2, 1] })]
    fn without_a_cache_a_tag_that_wants_one_says_so(#[case] wish: Wish, #[case] expected: Step) {
        assert_eq!(step(&wish, &history(&[(2, COPY), (1, SOURCE)]), &Mirroring::NoCache), expected);
    }

    #[rstest]
    #[case::a_step_waits_for_no_copy(Wish { wanted: Some(1), ..REST }, Step::Select { number: 1 })]
    #[case::nor_for_one_that_failed(Wish { wanted: Some(1), retry_at: Some(at(99)), ..REST }, Step::Select { number: 1 })]
    #[case::what_is_wanted_is_imported_before_the_others_are_copied(
        Wish { wanted: Some(3), ..REST },
        Step::Import { number: 3, trigger: Trigger::Spec, is_current: true }
    )]
    #[case::and_while_it_fails(Wish { wanted: Some(3), retry_at: Some(at(99)), ..REST }, Step::Wait { until: at(99) })]
    #[case::a_copy_that_failed_waits(Wish { retry_at: Some(at(99)), ..REST }, Step::Wait { until: at(99) })]
    #[case::and_is_tried_again_under_what_was_told(Wish { retry_at: Some(at(50)), ..REST }, Step::Mirror { number: 2, quiet: true })]
    fn the_rules_of_generations_come_first(#[case] wish: Wish, #[case] expected: Step) {
        let history = history(&[(2, SOURCE), (1, SOURCE)]);
        assert_eq!(step(&wish, &history, &into_cache(&history, COPY)), expected);
    }

    #[rstest]
    #[case::one_that_is_lost_is_passed_over(&[(1, 99), (0, 0)], Step::Mirror { number: 0, quiet: true })]
    #[case::and_makes_the_tag_no_less_ready(&[(1, 99)], Step::Rest)]
    #[case::nor_when_it_is_tried_again(&[(1, 50)], Step::Mirror { number: 1, quiet: true })]
    fn a_generation_that_is_gone_where_it_came_from_is_tried_now_and_then(
        #[case] lost: &[(i64, i64)],
        #[case] expected: Step,
    ) {
        let history = history(&[(2, COPY), (1, SOURCE), (0, SOURCE)]);
        let lost = lost.iter().map(|(number, until)| Absent { number: *number, retry_at: Some(at(*until)) });
        assert_eq!(step(&REST, &history, &Mirroring::Into(lost.collect())), expected);
    }

    #[rstest]
    #[case::the_others_have_their_turn(&[(2, SOURCE), (1, SOURCE)], 99, Step::Mirror { number: 1, quiet: true })]
    #[case::then_it_waits_for_its_own(&[(2, SOURCE), (1, COPY)], 99, Step::Wait { until: at(99) })]
    #[case::which_comes_first_again(&[(2, SOURCE), (1, SOURCE)], 50, Step::Mirror { number: 2, quiet: true })]
    fn a_current_generation_that_is_lost_keeps_no_other_out_of_the_cache(
        #[case] places: &[(i64, &str)],
        #[case] until: i64,
        #[case] expected: Step,
    ) {
        let history = history(places);
        let Mirroring::Into(mut absent) = into_cache(&history, COPY) else { unreachable!() };
        absent[0].retry_at = Some(at(until));
        assert_eq!(step(&REST, &history, &Mirroring::Into(absent)), expected);
    }

    #[test]
    fn an_upload_stays_where_it_is_whatever_becomes_of_the_cache() {
        let upload = Generation { trigger: Some(Trigger::Upload), source: None, ..generation(2, COPY) };
        let history: History = vec![upload].into();
        assert_eq!(into_cache(&history, "new.internal/dev/myapp"), Mirroring::Into(vec![]));
        assert_eq!(step(&REST, &history, &Mirroring::Off), Step::Rest);
        assert_eq!(history.map(|known| known.moved_to(known.origin())), history);
    }

    #[test]
    fn what_says_too_little_to_be_found_is_left_as_it_is() {
        let mut odd = generation(0, SOURCE);
        odd.image_reference = "quay.io/company/myapp:latest".into();
        assert_eq!(into_cache(&vec![odd].into(), COPY), Mirroring::Into(vec![]));
    }
}
