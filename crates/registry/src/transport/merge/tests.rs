use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use rstest::rstest;
use tokio::sync::Notify;

use super::*;
use crate::keychain::Credential;
use tagger_core::reference::Repository;

fn call(url: &str) -> Call {
    Call::new(Method::GET, url.parse().unwrap())
}

fn access(credentials: &[&str], urgency: Urgency) -> Access {
    let credentials = credentials.iter().map(|password| Credential::basic("me", (*password).into()));
    Access::pull(&"a".parse::<Repository>().unwrap(), credentials.collect(), urgency)
}

fn key() -> Key {
    Key::of(&call("https://a.io/v2/"), &access(&[], Urgency::Urgent)).unwrap()
}

/// A registry that answers when it is let, with what was so when it was asked.
#[derive(Clone, Default)]
struct World {
    asked: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    answers: Arc<Notify>,
}

/// Counts the requests that ended, or were given up.
struct Ending(Arc<AtomicUsize>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl World {
    fn ask(&self, merging: &Merging<usize>) -> (Flight<usize>, bool) {
        let world = self.clone();
        merging.next(key(), |departure| async move {
            departure.leave();
            let number = world.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let _ending = Ending(world.ended.clone());
            world.answers.notified().await;
            Ok(number)
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn who_asks_while_a_request_is_on_its_way_shares_the_next_one_and_gets_its_answer() {
    let (world, merging) = (World::default(), Merging::default());
    let mut first = world.ask(&merging).0;
    assert!((&mut first).now_or_never().is_none());
    let others: Vec<_> = (0..999).map(|_| world.ask(&merging).0).collect();
    let mut others = Box::pin(join_all(others));
    assert!((&mut others).now_or_never().is_none());
    assert_eq!(world.asked(), 1);
    world.answers.notify_one();
    assert_eq!(first.await, Ok(1));
    assert!((&mut others).now_or_never().is_none());
    world.answers.notify_one();
    assert!(others.await.into_iter().all(|outcome| outcome == Ok(2)));
    assert_eq!(world.asked(), 2);
    assert!(merging.0.lock().unwrap().slots.is_empty());
}

#[tokio::test]
async fn those_that_ask_before_it_is_sent_share_it() {
    let (world, merging) = (World::default(), Merging::default());
    let flights: Vec<_> = (0..10).map(|_| world.ask(&merging)).collect();
    assert_eq!(flights.iter().filter(|(_, shared)| *shared).count(), 9);
    world.answers.notify_one();
    let outcomes = join_all(flights.into_iter().map(|(flight, _)| flight)).await;
    assert!(outcomes.into_iter().all(|outcome| outcome == Ok(1)));
    assert!(merging.0.lock().unwrap().slots.is_empty());
}

#[tokio::test]
async fn one_who_goes_away_takes_nothing_from_the_others_and_the_last_one_ends_it() {
    let (world, merging) = (World::default(), Merging::default());
    let (mut one, mut other) = (world.ask(&merging).0, world.ask(&merging).0);
    assert!((&mut one).now_or_never().is_none());
    drop(one);
    assert!((&mut other).now_or_never().is_none());
    assert_eq!((world.asked(), world.ended.load(Ordering::SeqCst)), (1, 0));
    let mut next = world.ask(&merging).0;
    assert!((&mut next).now_or_never().is_none());
    drop(other);
    assert_eq!(world.ended.load(Ordering::SeqCst), 1);
    world.answers.notify_one();
    assert_eq!(next.await, Ok(2));
    assert!(merging.0.lock().unwrap().slots.is_empty());
}

#[tokio::test]
async fn what_nobody_waited_for_at_all_is_forgotten() {
    let (world, merging) = (World::default(), Merging::default());
    drop(world.ask(&merging));
    assert!(merging.0.lock().unwrap().slots.is_empty());
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn what_never_changes_is_shared_on_its_way() {
    let (world, merging) = (World::default(), Merging::default());
    assert!(merging.under_way(&key()).is_none());
    let mut first = world.ask(&merging).0;
    assert!((&mut first).now_or_never().is_none());
    let second = merging.under_way(&key()).unwrap();
    world.answers.notify_one();
    assert_eq!((first.await, second.await), (Ok(1), Ok(1)));
    assert!(merging.under_way(&key()).is_none());
}

#[tokio::test]
async fn a_fault_is_shared_as_well() {
    let merging = Merging::<usize>::default();
    let fail = || merging.next(key(), |_| async { Err(Fault::NotFound) }).0;
    let outcomes = join_all([fail(), fail()]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Fault::NotFound))));
}

#[rstest]
#[case::the_url(call("https://a.io/v2/x"), access(&["a", "b"], Urgency::Urgent))]
#[case::the_method(Call { method: Method::HEAD, ..call("https://a.io/v2/") }, access(&["a", "b"], Urgency::Urgent))]
#[case::what_is_accepted(Call { accept: Some("a/b"), ..call("https://a.io/v2/") }, access(&["a", "b"], Urgency::Urgent))]
#[case::how_much_is_read(Call { read: Read::Whole(9), ..call("https://a.io/v2/") }, access(&["a", "b"], Urgency::Urgent))]
#[case::redirects(Call { follow: false, ..call("https://a.io/v2/") }, access(&["a", "b"], Urgency::Urgent))]
#[case::one_credential_less(call("https://a.io/v2/"), access(&["a"], Urgency::Urgent))]
#[case::no_credential(call("https://a.io/v2/"), access(&[], Urgency::Urgent))]
#[case::the_order_of_credentials(call("https://a.io/v2/"), access(&["b", "a"], Urgency::Urgent))]
#[case::patience(call("https://a.io/v2/"), access(&["a", "b"], Urgency::Patient))]
#[case::the_scope(call("https://a.io/v2/"), Access { scope: Scope::push(&"a".parse().unwrap()), ..access(&["a", "b"], Urgency::Urgent) })]
fn requests_that_differ_are_never_one(#[case] call: Call, #[case] access: Access) {
    let usual =
        Key::of(&super::tests::call("https://a.io/v2/"), &super::tests::access(&["a", "b"], Urgency::Urgent));
    assert_ne!(Key::of(&call, &access), usual);
}

#[rstest]
#[case::a_write(Call { method: Method::PUT, ..call("https://a.io/v2/") })]
#[case::a_stream(Call { read: Read::Streamed, ..call("https://a.io/v2/") })]
#[case::a_part(Call { from: 1, ..call("https://a.io/v2/") })]
fn what_changes_something_or_is_read_by_one_alone_is_never_shared(#[case] call: Call) {
    assert_eq!(Key::of(&call, &access(&[], Urgency::Urgent)), None);
}
