use std::time::Duration;

use futures::FutureExt;
use tokio::time::timeout;

use super::*;
use Urgency::{Patient, Urgent};

fn lane(requests: usize, rate: u32, burst: u32) -> Arc<Lane> {
    Arc::new(Lane::new(&Limits { requests, rate, burst, ..Limits::default() }))
}

/// As many places as there are at once.
fn places(lane: &Arc<Lane>, urgency: Urgency) -> Vec<Place> {
    std::iter::from_fn(|| lane.place(urgency, |_| {}).now_or_never().flatten()).take(10_000).collect()
}

#[tokio::test]
async fn patient_requests_take_half_of_the_places_and_urgent_ones_all() {
    let lane = lane(10, 0, 1);
    let patient = places(&lane, Patient);
    assert_eq!(patient.len(), 5);
    let urgent = places(&lane, Urgent);
    assert_eq!(urgent.len(), 5);
    drop(patient);
    assert_eq!(places(&lane, Urgent).len(), 5);
}

#[tokio::test]
async fn the_one_place_of_a_narrow_lane_is_for_both() {
    let lane = lane(1, 0, 1);
    assert_eq!(places(&lane, Patient).len(), 1);
    assert_eq!(places(&lane, Urgent).len(), 1);
}

#[tokio::test]
async fn an_urgent_request_goes_before_patient_ones_that_came_earlier() {
    let lane = lane(2, 0, 1);
    let taken = places(&lane, Urgent);
    let mut early: Vec<_> = (0..3).map(|_| Box::pin(lane.place(Patient, |_| {}))).collect();
    assert!(early.iter_mut().all(|place| place.now_or_never().is_none()));
    let mut late = Box::pin(lane.place(Urgent, |_| {}));
    assert!((&mut late).now_or_never().is_none());
    drop(taken);
    assert!(late.now_or_never().flatten().is_some());
    // A place was left for one of the others, which is all that they may have.
    let went: Vec<_> = early.iter_mut().map(|place| place.now_or_never().flatten()).collect();
    assert_eq!(went.iter().flatten().count(), 1);
}

#[tokio::test]
async fn one_that_waits_no_longer_is_not_in_the_way() {
    let lane = lane(1, 0, 1);
    let taken = places(&lane, Urgent);
    for urgency in [Urgent, Patient] {
        assert!(timeout(Duration::ZERO, lane.place(urgency, |_| {})).await.is_err());
    }
    drop(taken);
    assert_eq!(places(&lane, Urgent).len(), 1);
    assert!(lane.state().urgent.waiting.is_empty() && lane.state().patient.waiting.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_burst_goes_at_once_and_the_rest_at_the_rate() {
    let lane = lane(1000, 10, 20);
    assert_eq!(places(&lane, Urgent).len(), 20);
    let (begun, mut told) = (Instant::now(), Vec::new());
    for _ in 0..10 {
        lane.place(Urgent, |how| told.push(how)).await.unwrap();
    }
    let passed = begun.elapsed();
    assert!((Duration::from_millis(990)..Duration::from_millis(1100)).contains(&passed), "{passed:?}");
    assert_eq!(told, [How::Rate; 10]);
}

#[tokio::test(start_paused = true)]
async fn patient_requests_leave_half_of_the_burst_alone() {
    let lane = lane(1000, 10, 20);
    assert_eq!(places(&lane, Patient).len(), 10);
    assert_eq!(places(&lane, Urgent).len(), 10);
    // Eleven tokens are there after eleven tenths of a second.
    let begun = Instant::now();
    lane.place(Patient, |_| {}).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(1090), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_urgent_request_is_woken_before_a_patient_one_that_waits_for_the_rate() {
    let lane = lane(1000, 10, 20);
    let _taken = places(&lane, Urgent);
    let mut patient = Box::pin(lane.place(Patient, |_| {}));
    assert!((&mut patient).now_or_never().is_none());
    let urgent = timeout(Duration::from_millis(200), lane.place(Urgent, |_| {})).await;
    assert!(urgent.unwrap().is_some());
    assert!(patient.now_or_never().is_none());
}

#[tokio::test]
async fn a_place_that_was_not_used_costs_nothing() {
    let lane = lane(1000, 1, 3);
    for _ in 0..10 {
        lane.place(Urgent, |_| {}).await.unwrap().unused();
    }
    assert_eq!(places(&lane, Urgent).len(), 3);
}
