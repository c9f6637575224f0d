//! How far a copy is, and when that is told: not of one that is there in a moment, and not so often that the API server minds,
//! however many copies are under way.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tagger_api::tag::CopyProgress;
use tagger_registry::Progress;

/// How long a copy goes on before it is told how far it is.
const FIRST: Duration = Duration::from_secs(2);
/// How long none is told of after another one was.
const BETWEEN: Duration = Duration::from_millis(250);

/// Counts what a copy consists of and what of it is there.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    begun: OnceLock<Instant>,
    total: AtomicU64,
    copied: AtomicU64,
}

/// How many bytes of a copy are there, and how many there are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Travelled {
    pub(crate) copied: u64,
    pub(crate) total: u64,
}

impl Tally {
    /// Notes that the copy has its turn.
    pub(crate) fn begin(&self) {
        let _ = self.begun.set(Instant::now());
    }

    /// Notes a step of the copy.
    pub(crate) fn note(&self, step: Progress) {
        match step {
            Progress::Found(bytes) => self.total.fetch_add(bytes, Ordering::Relaxed),
            Progress::Passed(bytes) | Progress::Spared(bytes) => {
                self.copied.fetch_add(bytes, Ordering::Relaxed)
            }
        };
    }

    /// How far it is; nothing while it is not known what there is to copy.
    fn travelled(&self) -> Option<Travelled> {
        let total = self.total.load(Ordering::Relaxed);
        // What had to begin anew has passed twice.
        let copied = self.copied.load(Ordering::Relaxed).min(total);
        (total > 0).then_some(Travelled { copied, total })
    }
}

impl Travelled {
    /// So far is the copy of this generation.
    pub(crate) fn of(self, generation: i64) -> CopyProgress {
        let [copied, total] = [self.copied, self.total].map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        CopyProgress { generation, copied, total }
    }
}

impl fmt::Display for Travelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", Bytes(self.copied), Bytes(self.total))
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut tenths, mut unit) = (u128::from(self.0) * 10, "bytes");
        for larger in ["KiB", "MiB", "GiB", "TiB"] {
            if tenths < 10_240 {
                break;
            }
            (tenths, unit) = (tenths / 1024, larger);
        }
        match unit {
            "bytes" => write!(f, "{} bytes", self.0),
            unit => write!(f, "{}.{} {unit}", tenths / 10, tenths % 10),
        }
    }
}

/// What there is to tell of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It is so far, and that is to be told now.
    Now(Travelled),
    /// Nothing before so long.
    In(Duration),
    /// Nothing until it has its turn. Its Tag is looked at then.
    Unbegun,
}

impl News {
    /// How long there is nothing to tell of a copy after it was told of.
    pub(crate) const EVERY: Duration = Duration::from_millis(2500);
}

/// What was told of a copy, and when it has its turn to be told of again.
#[derive(Debug, Default)]
pub(super) struct Told {
    last: Option<(Instant, Travelled)>,
    turn: Option<Instant>,
}

impl Told {
    /// What there is to tell now. `free` is when the next turn begins, of all copies together.
    pub(super) fn news(&mut self, tally: &Tally, free: &mut Option<Instant>, now: Instant) -> News {
        let Some(begun) = tally.begun.get() else { return News::Unbegun };
        let due = self.last.map_or(*begun + FIRST, |(last, _)| last + News::EVERY);
        if now < due {
            return News::In(due - now);
        }
        let last = self.last.map(|(_, told)| told);
        let Some(travelled) = tally.travelled().filter(|travelled| Some(*travelled) != last) else {
            return News::In(News::EVERY);
        };
        let turn = *self.turn.get_or_insert_with(|| {
            let turn = free.map_or(now, |free| free.max(now));
            *free = Some(turn + BETWEEN);
            turn
        });
        if now < turn {
            return News::In(turn - now);
        }
        *self = Self { last: Some((now, travelled)), turn: None };
        News::Now(travelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn begun(at: Instant) -> Tally {
        Tally { begun: at.into(), ..Tally::default() }
    }

    #[rstest]
    #[case(0, "0 bytes")]
    #[case(1023, "1023 bytes")]
    #[case(1024, "1.0 KiB")]
    #[case(1536 * 1024, "1.5 MiB")]
    #[case(u64::MAX, "16777215.9 TiB")]
    fn bytes_are_told_in_words(#[case] bytes: u64, #[case] expected: &str) {
        assert_eq!(Bytes(bytes).to_string(), expected);
    }

    #[test]
    fn what_passed_twice_is_not_more_than_there_is() {
        let tally = Tally::default();
        assert_eq!(tally.travelled(), None);
        for step in [Progress::Found(10), Progress::Passed(6), Progress::Passed(3), Progress::Spared(3)] {
            tally.note(step);
        }
        assert_eq!(tally.travelled(), Some(Travelled { copied: 10, total: 10 }));
    }

    #[test]
    fn a_copy_is_told_of_after_a_moment_then_now_and_then_and_only_when_it_moved() {
        let start = Instant::now();
        let (tally, mut told, mut free) = (begun(start), Told::default(), None);
        let mut news =
            |tally: &Tally, after: u64| told.news(tally, &mut free, start + Duration::from_millis(after));
        let so_far = |copied| News::Now(Travelled { copied, total: 10 });
        assert_eq!(news(&Tally::default(), 0), News::Unbegun);
        tally.note(Progress::Found(10));
        assert_eq!(news(&tally, 500), News::In(Duration::from_millis(1500)));
        assert_eq!(news(&tally, 2000), so_far(0));
        tally.note(Progress::Passed(1));
        assert_eq!(news(&tally, 2001), News::In(Duration::from_millis(2499)));
        assert_eq!(news(&tally, 4500), so_far(1));
        assert_eq!(news(&tally, 9000), News::In(News::EVERY), "nothing has moved");
        tally.note(Progress::Passed(1));
        assert_eq!(news(&tally, 9001), so_far(2));
    }

    #[test]
    fn a_thousand_copies_are_told_of_in_turn_a_few_a_second() {
        let start = Instant::now();
        let mut free = None;
        let mut copies: Vec<_> =
            (0..1000).map(|_| (begun(start), Told::default(), Duration::ZERO, 0)).collect();
        let mut tellings = 0;
        for after in (0..300_000).step_by(50).map(Duration::from_millis) {
            for (tally, told, next, times) in copies.iter_mut().filter(|(_, _, next, _)| *next <= after) {
                tally.note(Progress::Found(1));
                *next = after + News::EVERY;
                match told.news(tally, &mut free, start + after) {
                    News::Now(_) => (tellings, *times) = (tellings + 1, *times + 1),
                    News::In(pause) => *next = after + pause,
                    News::Unbegun => unreachable!(),
                }
            }
        }
        assert!(tellings <= 4 * 300, "{tellings}");
        assert!(copies.iter().all(|(_, _, _, times)| *times > 0), "each has its turn");
    }
}
