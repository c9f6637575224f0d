//! Certificates in the registration that are none of ours: those of another replica, which has new files sooner or later than this
//! one or takes its certificates from elsewhere, and those that this one trusted a moment ago.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::bundle::Bundle;

/// How long a stranger is left in the registration. A mounted Secret reaches all replicas within a minute or two, and replicas that
/// are replaced one after the other are within this, mostly; whoever is not writes its own certificate again.
const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// The strangers that were seen, and when first.
#[derive(Debug, Default)]
pub struct Strangers(BTreeMap<String, Timestamp>);

impl Strangers {
    /// The bundle that is wanted where this one is stored: our own, and the strangers whose grace is not over.
    ///
    /// An empty bundle of our own, for a public authority, stays empty: with any certificate in it, the API server would trust no
    /// public one.
    pub fn beside(&self, own: &Bundle, stored: &str, now: Timestamp) -> Bundle {
        if own.is_empty() {
            return Bundle::default();
        }
        let stored = Bundle::read(stored);
        let welcome = stored.certificates().filter(|stranger| {
            let seen = self.0.get(*stranger).copied().unwrap_or(now);
            seen.duration_until(now).abs() < GRACE
        });
        Bundle::new(&own.pem(), welcome, now)
    }

    /// Notes what is published now. The grace of a stranger that went and comes back begins anew.
    pub fn note(&mut self, own: &Bundle, published: &str, now: Timestamp) {
        let published = Bundle::read(published);
        let strangers = published.certificates().filter(|certificate| !own.trusts(certificate));
        self.0 = strangers
            .map(|stranger| (stranger.to_owned(), self.0.get(stranger).copied().unwrap_or(now)))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;
    use rstest::rstest;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn minutes(minutes: i64) -> Timestamp {
        now() + SignedDuration::from_mins(minutes)
    }

    fn bundles<const N: usize>() -> [Bundle; N] {
        [(); N].map(|()| Bundle::read(Authority::generate(now()).unwrap().certificate()))
    }

    #[rstest]
    #[case::at_first(0, true)]
    #[case::while_its_grace_lasts(9, true)]
    #[case::and_not_afterwards(10, false)]
    #[case::nor_by_a_clock_that_was_set_back(-10, false)]
    fn a_stranger_stays(#[case] after: i64, #[case] stays: bool) {
        let [own, other] = bundles();
        let mut strangers = Strangers::default();
        let both = strangers.beside(&own, &other.pem(), now());
        assert_eq!(both.pem(), own.pem() + &other.pem(), "whoever is seen first is welcome");
        strangers.note(&own, &both.pem(), now());
        strangers.note(&own, &both.pem(), minutes(1));
        assert_eq!(strangers.beside(&own, &both.pem(), minutes(after)).trusts(&other.pem()), stays);
    }

    #[test]
    fn a_stranger_that_comes_back_is_welcome_again_and_one_that_became_our_own_is_no_stranger() {
        let [own, other] = bundles();
        let mut strangers = Strangers::default();
        strangers.note(&own, &other.pem(), now());
        strangers.note(&own, &own.pem(), minutes(10));
        assert!(strangers.beside(&own, &other.pem(), minutes(11)).trusts(&other.pem()));
        strangers.note(&own, &other.pem(), minutes(11));
        assert!(strangers.beside(&other, &own.pem(), minutes(60)).trusts(&other.pem()));
    }

    #[test]
    fn the_bundle_of_a_public_authority_stays_empty() {
        let [other] = bundles();
        assert!(Strangers::default().beside(&Bundle::default(), &other.pem(), now()).is_empty());
    }
}
