use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use tagger_registry::Limits;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy};

use super::support::*;

/// How often each blob was asked for or sent, by its digest.
fn times(proxy: &Proxy, method: &str, kind: Kind) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for request in proxy.requests().iter().filter(|request| request.method == method && request.kind == kind)
    {
        let text = format!("{}&{}", request.path, request.query).replace("%3A", ":");
        let digest = &text[text.rfind("sha256:").unwrap()..][..71];
        *times.entry(digest.to_owned()).or_default() += 1;
    }
    times
}

#[tokio::test]
async fn blobs_that_many_images_share_travel_once_and_are_mounted_for_the_rest() {
    let world = World::start().await;
    let mut images = Vec::new();
    for number in 0..20 {
        let image = Image::single(number).layers(4, 20_000).layers_of(99);
        images.push(world.push(&image, &format!("company/app-{number}"), "v1").await);
    }
    let copies = (0..20).map(|number| {
        let world = &world;
        async move {
            let to = world.to(&format!("cache/app-{number}"), &["g1"]);
            world.copy(&format!("company/app-{number}:v1"), &to).await.unwrap()
        }
    });
    let copied = join_all(copies).await;

    for (number, image) in images.iter().enumerate() {
        world.assert_has(image, &format!("cache/app-{number}"), "g1").await;
    }
    // Four shared layers, and twenty configurations.
    let (read, sent) = (times(&world.out, "GET", Kind::Blob), times(&world.into, "PUT", Kind::Upload));
    for times in [read, sent] {
        assert_eq!(times.len(), 24);
        assert!(times.values().all(|times| *times == 1), "{times:#?}");
    }
    let sum = |of: fn(&tagger_registry::Copied) -> u64| copied.iter().map(of).sum::<u64>();
    assert_eq!((sum(|one| one.sent.blobs), sum(|one| one.mounted.blobs)), (24, 19 * 4));
}

#[tokio::test]
async fn the_same_image_wanted_twice_at_once_travels_once() {
    let world = World::start().await;
    let image = world.push(&Image::index(1, &["linux/amd64", "linux/arm64"]), "company/app", "v1").await;
    let (one, other) = (world.to("cache/app", &["g1"]), world.to("cache/app", &["g2"]));
    let copies = [world.copy("company/app:v1", &one), world.copy("company/app:v1", &other)];
    assert!(join_all(copies).await.iter().all(Result::is_ok));
    for tag in ["g1", "g2"] {
        world.assert_has(&image, "cache/app", tag).await;
    }
    assert!(times(&world.out, "GET", Kind::Blob).values().all(|times| *times == 1));
    assert!(times(&world.into, "PUT", Kind::Upload).values().all(|times| *times == 1));
}

#[tokio::test]
async fn no_more_goes_on_at_once_than_the_limits_say() {
    let limits = Limits { requests: 3, transfers: 2, ..Limits::default() };
    let world = World::with(limits).await;
    for number in 0..6 {
        world.push(&Image::single(number).layers(8, 10_000), &format!("company/app-{number}"), "v1").await;
    }
    // So slow that all would be under way at once, if they might.
    for proxy in [&world.out, &world.into] {
        proxy.fault(Match::any(), Fault::forward().delay(Duration::from_millis(10)));
    }
    let copies = (0..6).map(|number| {
        let world = &world;
        async move {
            let to = world.to(&format!("cache/app-{number}"), &["g1"]);
            world.copy(&format!("company/app-{number}:v1"), &to).await.unwrap()
        }
    });
    join_all(copies).await;
    // Short requests and blobs have places of their own. A blob's GET takes one of the short ones until it is answered.
    for proxy in [&world.out, &world.into] {
        assert!((3..=5).contains(&proxy.most_at_once()), "{}", proxy.most_at_once());
    }
}

#[tokio::test]
async fn a_registry_with_much_to_do_is_not_said_to_be_late() {
    let limits = Limits { requests: 1, whole: Duration::from_millis(1500), ..Limits::default() };
    let world = World::with(limits).await;
    for number in 0..8 {
        world.push(&Image::single(number).layers(7, 1000), &format!("company/app-{number}"), "v1").await;
    }
    // Sixty-four questions, one after the other, take longer than any one of them may.
    world.into.fault(Match::blob().method("HEAD"), Fault::forward().delay(Duration::from_millis(50)));
    let copies = (0..8).map(|number| {
        let world = &world;
        async move {
            let to = world.to(&format!("cache/app-{number}"), &["g1"]);
            world.copy(&format!("company/app-{number}:v1"), &to).await
        }
    });
    for copied in join_all(copies).await {
        assert_eq!(copied.map(|copied| copied.sent.blobs), Ok(8));
    }
}
