//! Whether a certificate has to be made anew, and why.

use jiff::{SignedDuration, Timestamp};

/// What is to be done with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good.
    Keep,
    /// It has to be made anew.
    Renew(Reason),
}

/// Why a certificate has to be made anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is none.
    #[error("there is none")]
    Missing,
    /// It can't be read, or its key is another one's.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Its time is still to come, so some clock was wrong.
    #[error("it is not valid before {0}")]
    NotYetValid(Timestamp),
    /// Its time is over.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// Two thirds of its time are over.
    #[error("two thirds of its life are over; it expires at {0}")]
    Aged(Timestamp),
    /// It is for other names.
    #[error("it is for other names")]
    OtherNames,
    /// Another authority issued it.
    #[error("another authority issued it")]
    OtherAuthority,
}

/// The time in which a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: Timestamp,
    /// The last moment.
    pub not_after: Timestamp,
}

impl Validity {
    /// Judges a certificate by its time.
    pub fn judge(&self, now: Timestamp) -> Verdict {
        let life = self.not_before.duration_until(self.not_after);
        let age = self.not_before.duration_until(now);
        if age < SignedDuration::ZERO {
            Verdict::Renew(Reason::NotYetValid(self.not_before))
        } else if age > life {
            Verdict::Renew(Reason::Expired(self.not_after))
        } else if age >= life / 3 * 2 {
            Verdict::Renew(Reason::Aged(self.not_after))
        } else {
            Verdict::Keep
        }
    }

    /// Whether whoever looks at a certificate at this moment believes it.
    pub fn includes(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const AT: fn(i64) -> Timestamp = |second| Timestamp::from_second(second).unwrap();

    #[rstest]
    #[case::before_its_time(99, Verdict::Renew(Reason::NotYetValid(AT(100))))]
    #[case::at_its_first_moment(100, Verdict::Keep)]
    #[case::shortly_before_two_thirds(299, Verdict::Keep)]
    #[case::at_two_thirds(300, Verdict::Renew(Reason::Aged(AT(400))))]
    #[case::at_its_last_moment(400, Verdict::Renew(Reason::Aged(AT(400))))]
    #[case::afterwards(401, Verdict::Renew(Reason::Expired(AT(400))))]
    fn the_time_decides(#[case] now: i64, #[case] verdict: Verdict) {
        let validity = Validity { not_before: AT(100), not_after: AT(400) };
        assert_eq!(validity.judge(AT(now)), verdict);
    }
}
