//! Two replicas whose indexes are of different age never make an image flip, and never detach a workload.

use super::*;
use crate::testing::{OLD, WAITS};
use tagger_api::annotations::ROLLOUT;

/// Two replicas, of which B hears of everything later.
struct Replicas {
    a: Router,
    b: Router,
    of_a: Arc<TagIndex>,
    of_b: Arc<TagIndex>,
}

impl Replicas {
    fn new(tags: &[(&str, Option<&str>)]) -> Self {
        let (of_a, of_b) = (Arc::new(index(tags)), Arc::new(index(tags)));
        Self { a: replica(&of_a), b: replica(&of_b), of_a, of_b }
    }

    fn each(&self) -> [&Router; 2] {
        [&self.a, &self.b]
    }
}

/// `kubectl apply` of the unchanged manifest: the name of the Tag, over what is stored.
async fn apply(router: &Router, stored: &Asked) -> Asked {
    let mut new = stored.clone();
    new.set_image("myapp");
    new.manager = "kubectl";
    write(router, &stored.clone().updated_to(new)).await
}

async fn set_image(router: &Router, stored: &Asked, image: &str) -> Asked {
    let mut new = stored.clone();
    new.set_image(image);
    new.manager = "kubectl-set";
    write(router, &stored.clone().updated_to(new)).await
}

/// A roll-out: the annotation that asks for these references, and nothing else.
async fn touch(router: &Router, stored: &Asked, reference: &str) -> Asked {
    write(router, &stored.clone().touched(&json!({ "myapp": reference }).to_string())).await
}

/// `kubectl rollout undo`: the template of another time, and the annotations of that time.
async fn undo(router: &Router, stored: &Asked, then: &Asked) -> Asked {
    let mut new = then.clone();
    new.manager = "kubectl-rollout";
    write(router, &stored.clone().updated_to(new)).await
}

fn follows(asked: &Asked) -> bool {
    asked.recorded().as_deref() == Some(asked.image())
}

#[tokio::test]
async fn a_roll_out_by_way_of_a_replica_that_is_behind() {
    let replicas = Replicas::new(&[("myapp", Some(OLD))]);
    let created = write(&replicas.a, &Asked::create("Deployment", "myapp")).await;
    assert_eq!((created.image(), follows(&created)), (OLD, true));
    replicas.of_a.set("dev", "myapp", Some(NEW));
    // The touch brings the reference, so B writes it though it has not heard of it.
    let mut stored = touch(&replicas.b, &created, NEW).await;
    assert_eq!((stored.image(), follows(&stored)), (NEW, true));
    for router in replicas.each() {
        for again in [touch(router, &stored, NEW).await, apply(router, &stored).await] {
            assert_eq!((again.image(), follows(&again)), (NEW, true));
            stored = again;
        }
    }
}

#[tokio::test]
async fn a_manifest_applied_before_its_roll_out_does_not_come_first() {
    let replicas = Replicas::new(&[("myapp", Some(OLD))]);
    let created = write(&replicas.b, &Asked::create("Deployment", "myapp")).await;
    replicas.of_a.set("dev", "myapp", Some(NEW));
    for router in replicas.each() {
        let applied = apply(router, &created).await;
        assert_eq!((applied.image(), follows(&applied)), (OLD, true), "only a roll-out moves what follows");
    }
}

#[tokio::test]
async fn undoing_a_roll_out_sticks_by_way_of_either() {
    for behind in [false, true] {
        let replicas = Replicas::new(&[("myapp", Some(OLD))]);
        let first = write(&replicas.a, &Asked::create("Deployment", "myapp")).await;
        replicas.of_a.set("dev", "myapp", Some(NEW));
        let second = touch(&replicas.b, &first, NEW).await;
        let router = if behind { &replicas.b } else { &replicas.a };
        let undone = undo(router, &second, &first).await;
        assert_eq!((undone.image(), undone.recorded()), (OLD, None));
        // A roll-out that was on its way finds nothing that follows.
        for router in replicas.each() {
            let touched = touch(router, &undone, NEW).await;
            assert_eq!((touched.image(), touched.recorded()), (OLD, None));
        }
        // To apply the manifest is to name the Tag, which attaches it again.
        let applied = apply(&replicas.a, &undone).await;
        assert_eq!((applied.image(), follows(&applied)), (NEW, true));
    }
}

#[tokio::test]
async fn an_answer_that_was_a_moment_old_is_repaired_once() {
    let replicas = Replicas::new(&[("myapp", Some(OLD))]);
    replicas.of_a.set("dev", "myapp", Some(NEW));
    let created = write(&replicas.b, &Asked::create("Deployment", "myapp")).await;
    assert_eq!((created.image(), follows(&created)), (OLD, true));
    let mut stored = touch(&replicas.b, &created, NEW).await;
    for router in [&replicas.a, &replicas.b, &replicas.a] {
        stored = apply(router, &stored).await;
        assert_eq!((stored.image(), follows(&stored)), (NEW, true));
    }
}

#[tokio::test]
async fn another_image_detaches_and_the_name_attaches_by_way_of_either() {
    let replicas = Replicas::new(&[("myapp", Some(OLD))]);
    let created = write(&replicas.a, &Asked::create("Deployment", "myapp")).await;
    replicas.of_a.set("dev", "myapp", Some(NEW));
    for router in replicas.each() {
        let mut stored = set_image(router, &created, "docker.io/library/nginx:1").await;
        assert_eq!((stored.image(), stored.recorded()), ("docker.io/library/nginx:1", None));
        for other in replicas.each() {
            stored = touch(other, &stored, NEW).await;
            assert_eq!(stored.image(), "docker.io/library/nginx:1");
        }
        let attached = apply(&replicas.b, &stored).await;
        assert_eq!((attached.image(), follows(&attached)), (OLD, true), "B knows no better");
        let repaired = touch(&replicas.b, &attached, NEW).await;
        assert_eq!((repaired.image(), follows(&repaired)), (NEW, true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_placeholder_is_replaced_by_whoever_knows_more_and_stays_with_whoever_does_not() {
    let replicas = Replicas::new(&[("myapp", None)]);
    let created = write(&replicas.a, &Asked::create("Deployment", "myapp")).await;
    assert_eq!((created.image(), follows(&created)), (WAITS, true));
    replicas.of_a.set("dev", "myapp", Some(NEW));
    let kept = apply(&replicas.b, &created).await;
    assert_eq!((kept.image(), follows(&kept)), (WAITS, true));
    for router in replicas.each() {
        let touched = touch(router, &kept, NEW).await;
        assert_eq!((touched.image(), follows(&touched)), (NEW, true));
        for router in replicas.each() {
            let applied = apply(router, &touched).await;
            assert_eq!((applied.image(), follows(&applied)), (NEW, true));
        }
    }
}

#[tokio::test]
async fn a_replica_that_knows_no_tag_at_all_leaves_what_follows() {
    let replicas = Replicas::new(&[("myapp", Some(NEW))]);
    let created = write(&replicas.a, &Asked::create("Deployment", "myapp")).await;
    replicas.of_b.remove("dev", "myapp");
    let applied = apply(&replicas.b, &created).await;
    assert_eq!((applied.image(), follows(&applied)), (NEW, true));
    assert!(created.object["metadata"]["annotations"].get(ROLLOUT).is_none());
}

/// ADR 2 names this case: the API server asks again, since another webhook changed the object after us, and gets to a replica
/// whose index says something else. The reference that was written looks like one that a person wrote.
#[tokio::test]
async fn an_update_that_attaches_and_is_asked_about_by_both_in_one_request_stays_detached() {
    let replicas = Replicas::new(&[("myapp", Some(OLD))]);
    replicas.of_b.set("dev", "myapp", Some(NEW));
    let stored = write(&replicas.a, &Asked::create("Deployment", "docker.io/library/nginx:1")).await;
    let first = apply(&replicas.a, &stored).await;
    assert_eq!((first.image(), follows(&first)), (OLD, true));

    let again = stored.updated_to(first.clone());
    let by_the_same = write(&replicas.a, &again).await;
    assert_eq!((by_the_same.image(), follows(&by_the_same)), (OLD, true));
    let by_the_other = write(&replicas.b, &again).await;
    assert_eq!((by_the_other.image(), by_the_other.recorded()), (OLD, None));

    let applied = apply(&replicas.b, &by_the_other).await;
    assert_eq!((applied.image(), follows(&applied)), (NEW, true), "the name of the Tag attaches it");
}
