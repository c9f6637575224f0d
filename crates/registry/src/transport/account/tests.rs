use futures::FutureExt;
use futures::future::join_all;
use http::HeaderValue;

use super::*;
use Urgency::{Patient, Urgent};

const LONGEST: Duration = Duration::from_secs(5);

fn account() -> Arc<Account> {
    Arc::new(Account::new(Duration::from_secs(1)))
}

async fn ready(account: &Account, urgency: Urgency) -> Result<(), Fault> {
    let patience = Patience { longest: LONGEST, until: Instant::now() + 6 * LONGEST };
    account.ready(urgency, patience, |_| {}).await
}

fn limited(seconds: Option<u64>) -> Fault {
    Fault::RateLimited { retry_after: seconds.map(Duration::from_secs) }
}

#[tokio::test(start_paused = true)]
async fn a_short_pause_is_waited_for_and_a_long_one_told() {
    let account = account();
    account.learn(Instant::now(), Err(&limited(Some(5))));
    let begun = Instant::now();
    ready(&account, Urgent).await.unwrap();
    assert!(begun.elapsed() >= LONGEST);
    account.learn(Instant::now(), Err(&limited(Some(6))));
    assert_eq!(ready(&account, Urgent).now_or_never(), Some(Err(limited(Some(6)))));
}

#[tokio::test(start_paused = true)]
async fn when_a_pause_ends_the_others_wait_for_the_first_and_go_with_it() {
    let account = account();
    account.learn(Instant::now(), Err(&limited(Some(1))));
    join_all((0..10).map(|_| ready(&account, Urgent))).await;
    let first = account.take(Urgent).unwrap();
    assert!(account.take(Urgent).is_none());
    let mut others = Box::pin(join_all((0..10).map(|_| ready(&account, Urgent))));
    assert!((&mut others).now_or_never().is_none());
    account.learn(first.sent, Ok(None));
    drop(first);
    assert!(others.now_or_never().unwrap().iter().all(Result::is_ok));
    assert!(account.take(Urgent).is_some() && account.take(Urgent).is_some());
}

#[tokio::test(start_paused = true)]
async fn one_that_tries_and_is_given_up_leaves_it_to_another() {
    let account = account();
    account.learn(Instant::now(), Err(&limited(Some(1))));
    ready(&account, Urgent).await.unwrap();
    let first = account.take(Urgent).unwrap();
    let mut other = Box::pin(ready(&account, Urgent));
    assert!((&mut other).now_or_never().is_none());
    drop(first);
    assert_eq!(other.now_or_never(), Some(Ok(())));
    assert!(account.take(Urgent).is_some());
}

#[tokio::test(start_paused = true)]
async fn one_that_tries_for_long_is_not_waited_for_longer_than_a_pause() {
    let account = account();
    account.learn(Instant::now(), Err(&limited(Some(1))));
    ready(&account, Urgent).await.unwrap();
    let _first = account.take(Urgent).unwrap();
    let begun = Instant::now();
    assert_eq!(ready(&account, Urgent).await, Err(limited(Some(1))));
    assert_eq!(begun.elapsed().as_secs(), LONGEST.as_secs());
}

#[tokio::test(start_paused = true)]
async fn pauses_that_follow_each_other_are_not_waited_for_without_end() {
    let account = account();
    let prolonging = async {
        loop {
            account.learn(Instant::now(), Err(&limited(Some(4))));
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    };
    let begun = Instant::now();
    tokio::select! {
        biased;
        () = prolonging => {}
        outcome = ready(&account, Urgent) => assert!(outcome.is_err()),
    }
    assert!(begun.elapsed() <= 6 * LONGEST, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_spaced_for_those_that_can_wait_alone() {
    let account = account();
    let mut headers = HeaderMap::new();
    for (name, value) in [("limit", 100), ("remaining", 20), ("reset", 60)] {
        let name = http::HeaderName::try_from(format!("ratelimit-{name}")).unwrap();
        headers.insert(name, HeaderValue::from(value));
    }
    account.learn(Instant::now(), Ok(Some(&headers)));
    ready(&account, Patient).await.unwrap();
    assert!(account.take(Patient).is_some() && account.take(Patient).is_none());
    assert!(account.take(Urgent).is_some() && account.take(Urgent).is_some());
    let begun = Instant::now();
    ready(&account, Patient).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_registry_said_stands_in_what_is_told() {
    let account = account();
    let down = Fault::ServerError { status: 503, retry_after: Some(Duration::from_secs(60)) };
    account.learn(Instant::now(), Err(&down));
    assert_eq!(ready(&account, Urgent).await, Err(down));
}
