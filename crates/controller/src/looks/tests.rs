//! Looks that are asked for, with a registry that answers when it is told to.

use super::*;

use futures::FutureExt;
use tagger_api::TagSpec;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

/// Ends a look that began.
type Answer = tokio::sync::oneshot::Sender<(Reply, Sight)>;

/// A look that came to nothing, for good.
fn failed(reply: Reply) -> (Reply, Sight) {
    (reply, Sight::Seen(Err(Failure::internal())))
}

/// A registry whose looks begin here, and end when they are told how.
struct Stage {
    looks: Looks,
    attention: Arc<Attention>,
    begun: UnboundedReceiver<(String, Urgency, Answer)>,
    ended: UnboundedReceiver<ObjectRef<Tag>>,
}

impl Stage {
    fn new(at_once: usize) -> Self {
        let (begin, begun) = mpsc::unbounded_channel();
        let (end, ended) = mpsc::unbounded_channel();
        let attention = Arc::new(Attention::new(Timestamp::UNIX_EPOCH));
        let looking: Looking = Arc::new(move |tag, urgency| {
            let (answer, answered) = tokio::sync::oneshot::channel();
            begin.send((uid(&tag).to_owned(), urgency, answer)).unwrap();
            async move { answered.await.unwrap() }.boxed()
        });
        let looks = Looks::new(at_once, looking, attention.clone(), Metrics::default(), end);
        Self { looks, attention, begun, ended }
    }

    fn ask(&self, uid: &str, urgency: Urgency) -> Found {
        self.looks.ask(&tag(uid, 1), Some(&"quay.io".parse().unwrap()), urgency)
    }

    async fn begin(&mut self) -> (String, Answer) {
        let (uid, _, answer) = timeout(Duration::from_secs(9), self.begun.recv()).await.unwrap().unwrap();
        (uid, answer)
    }

    async fn nothing_begins(&mut self) {
        assert!(timeout(Duration::from_millis(50), self.begun.recv()).await.is_err());
    }
}

fn tag(uid: &str, version: i64) -> Arc<Tag> {
    let mut tag = Tag::new(uid, TagSpec::default());
    tag.metadata.uid = Some(uid.into());
    tag.metadata.generation = Some(version);
    Arc::new(tag)
}

#[tokio::test]
async fn a_look_is_found_while_it_is_made_and_what_was_seen_until_that_was_noted() {
    let mut stage = Stage::new(1);
    assert!(matches!(stage.ask("a", Urgency::Urgent), Found::Busy(None)));
    let (_, answer) = stage.begin().await;
    stage.attention.hint("a");
    assert!(matches!(stage.ask("a", Urgency::Urgent), Found::Busy(None)));
    answer.send(failed(Reply::Answer)).unwrap();
    assert_eq!(stage.ended.recv().await.unwrap().name, "a");
    for _ in 0..2 {
        let found = stage.ask("a", Urgency::Urgent);
        assert!(matches!(found, Found::Ended { heard: 0, .. }), "the hint came after it began: {found:?}");
    }
    stage.looks.done("a");
    assert!(matches!(stage.ask("a", Urgency::Urgent), Found::Busy(None)));
    stage.begin().await;
}

#[tokio::test]
async fn what_was_seen_for_an_older_specification_is_not_believed() {
    let mut stage = Stage::new(1);
    stage.ask("a", Urgency::Urgent);
    let (_, answer) = stage.begin().await;
    answer.send(failed(Reply::Answer)).unwrap();
    stage.ended.recv().await.unwrap();
    let again = stage.looks.ask(&tag("a", 2), Some(&"quay.io".parse().unwrap()), Urgency::Urgent);
    assert!(matches!(again, Found::Busy(None)));
    stage.begin().await;
}

#[tokio::test]
async fn a_look_that_is_wanted_no_more_gives_its_place_to_the_next() {
    let gives_up: [fn(&Looks); 2] =
        [|looks| looks.done("a"), |looks| looks.retain(&HashSet::from(["b".into()]))];
    for give_up in gives_up {
        let mut stage = Stage::new(1);
        stage.ask("a", Urgency::Urgent);
        let (_, _answer) = stage.begin().await;
        stage.ask("b", Urgency::Urgent);
        stage.nothing_begins().await;
        give_up(&stage.looks);
        assert_eq!(stage.begin().await.0, "b");
    }
}

#[tokio::test]
async fn a_patient_look_that_is_asked_for_urgently_goes_first() {
    let mut stage = Stage::new(1);
    stage.ask("under way", Urgency::Urgent);
    let (_, answer) = stage.begin().await;
    stage.ask("a", Urgency::Patient);
    stage.ask("b", Urgency::Patient);
    stage.ask("b", Urgency::Urgent);
    answer.send(failed(Reply::Answer)).unwrap();
    assert_eq!(stage.begin().await.0, "b");
}

#[tokio::test]
async fn a_patient_look_under_way_is_made_anew_when_it_is_wanted_urgently_and_an_urgent_one_is_not() {
    let mut stage = Stage::new(1);
    stage.ask("a", Urgency::Patient);
    let (_, slow) = stage.begin().await;
    stage.attention.hint("a");
    for _ in 0..2 {
        assert!(matches!(stage.ask("a", Urgency::Urgent), Found::Busy(None)));
    }
    let (_, answer) = stage.begin().await;
    assert!(slow.is_closed(), "nobody waits for it any more");
    stage.nothing_begins().await;
    answer.send(failed(Reply::Answer)).unwrap();
    stage.ended.recv().await.unwrap();
    assert!(matches!(stage.ask("a", Urgency::Patient), Found::Ended { heard: 1, .. }));
}

#[tokio::test]
async fn one_registry_does_not_wait_for_another() {
    let mut stage = Stage::new(1);
    stage.ask("a", Urgency::Urgent);
    stage.begin().await;
    let other = "ghcr.io".parse().unwrap();
    stage.looks.ask(&tag("b", 1), Some(&other), Urgency::Patient);
    assert_eq!(stage.begin().await.0, "b");
}

#[tokio::test]
async fn a_silent_registry_is_left_alone_those_who_wait_are_told_and_one_tries() {
    let mut stage = Stage::new(1);
    stage.ask("a", Urgency::Urgent);
    let (_, answer) = stage.begin().await;
    stage.ask("b", Urgency::Urgent);
    stage.ask("c", Urgency::Patient);
    answer.send(failed(Reply::Silence)).unwrap();
    let told = [stage.ended.recv().await.unwrap().name, stage.ended.recv().await.unwrap().name];
    assert!(told.contains(&"a".into()) && told.contains(&"b".into()), "{told:?}");
    assert!(matches!(stage.ask("b", Urgency::Urgent), Found::Busy(Some(_))));
    let (uid, answer) = stage.begin().await;
    assert_eq!(uid, "b");
    stage.nothing_begins().await;
    answer.send(failed(Reply::Answer)).unwrap();
    assert_eq!(stage.begin().await.0, "c");
}

#[tokio::test]
async fn a_look_that_panics_has_failed() {
    let (end, mut ended) = mpsc::unbounded_channel();
    let looking: Looking = Arc::new(|_, _| async { panic!("an error of ours") }.boxed());
    let attention = Arc::new(Attention::new(Timestamp::UNIX_EPOCH));
    let looks = Looks::new(1, looking, attention, Metrics::default(), end);
    for uid in ["a", "b"] {
        looks.ask(&tag(uid, 1), None, Urgency::Urgent);
        ended.recv().await.unwrap();
        assert!(matches!(looks.ask(&tag(uid, 1), None, Urgency::Urgent), Found::Ended { seen: Err(_), .. }));
    }
}

#[tokio::test]
async fn ten_thousand_tags_that_come_and_go_leave_nothing() {
    let mut stage = Stage::new(1);
    for number in 0..10_000_u32 {
        let (uid, registry) = (number.to_string(), format!("registry-{}.example", number % 100).parse());
        let (tag, registry) = (tag(&uid, 1), registry.unwrap());
        stage.attention.hint(&uid);
        stage.looks.ask(&tag, Some(&registry), Urgency::Urgent);
        if number % 3 == 0 {
            // It has ended, or is under way, or waits.
            while let Some(Some((_, _, answer))) = stage.begun.recv().now_or_never() {
                let _ = answer.send(failed(Reply::Answer));
            }
            tokio::task::yield_now().await;
        }
        stage.looks.done(&uid);
        stage.attention.forget(&uid);
    }
    // What was given up is dropped by the runtime.
    tokio::time::sleep(Duration::from_millis(100)).await;
    stage.looks.ask(&tag("last", 1), Some(&"quay.io".parse().unwrap()), Urgency::Urgent);
    let table = stage.looks.table();
    assert_eq!((table.looks.len(), table.queues.len()), (1, 1));
}

#[tokio::test]
async fn a_poll_that_is_put_off_is_made_later_and_a_push_does_not_wait_for_that() {
    let mut stage = Stage::new(1);
    stage.ask("a", Urgency::Patient);
    let (_, answer) = stage.begin().await;
    stage.ask("b", Urgency::Patient);
    answer.send((Reply::Unknown, Sight::PutOff(Duration::from_millis(100)))).unwrap();
    let (uid, answer) = stage.begin().await;
    assert_eq!(uid, "b", "its place is free while it rests");
    answer.send((Reply::Unknown, Sight::PutOff(Duration::from_secs(600)))).unwrap();
    let (uid, answer) = stage.begin().await;
    assert_eq!(uid, "a");
    answer.send(failed(Reply::Answer)).unwrap();
    assert_eq!(stage.ended.recv().await.unwrap().name, "a");
    assert!(matches!(stage.ask("b", Urgency::Patient), Found::Busy(None)));
    stage.nothing_begins().await;
    stage.ask("b", Urgency::Urgent);
    assert_eq!(stage.begin().await.0, "b");
}

#[tokio::test]
async fn what_may_be_there_in_a_moment_is_looked_for_again_before_anybody_is_told() {
    tokio::time::pause();
    let mut stage = Stage::new(1);
    let began = tokio::time::Instant::now();
    stage.ask("a", Urgency::Urgent);
    let mut times = 0;
    loop {
        tokio::select! {
            begun = stage.begun.recv() => {
                begun.unwrap().2.send((Reply::Answer, Sight::NotYet(Failure::internal()))).unwrap();
                times += 1;
            }
            ended = stage.ended.recv() => {
                assert_eq!(ended.unwrap().name, "a");
                break;
            }
        }
    }
    assert_eq!((times, began.elapsed().as_secs()), (1 + AGAIN, 2 + 4 + 8));
    assert!(matches!(stage.ask("a", Urgency::Urgent), Found::Ended { seen: Err(_), .. }));
}

#[tokio::test]
async fn nothing_begins_after_the_end() {
    let mut stage = Stage::new(1);
    stage.looks.stop();
    stage.ask("a", Urgency::Urgent);
    stage.nothing_begins().await;
}
