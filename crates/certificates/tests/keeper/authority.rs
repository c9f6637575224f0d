//! One authority for all replicas, and whatever is broken heals with no person.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tagger_certificates::authority::Authority;
use tagger_certificates::injection;
use tagger_certificates::secret::{CERTIFICATE, KEY, NAME, PREVIOUS};
use tokio::time::sleep;

use crate::cluster::{Cluster, build, is_ready, soon};

#[tokio::test]
async fn replicas_share_one_authority_which_heals() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let (one, other) = (cluster.keeper(), cluster.keeper());
    assert!(is_ready(&one).await && is_ready(&other).await);
    let first = cluster.secret(CERTIFICATE).await.unwrap();
    assert!(cluster.is_whole(&[&one, &other]).await, "of two that found nothing, one made the authority");
    assert!(cluster.secret(PREVIOUS).await.unwrap().is_empty());

    cluster.secrets().delete(NAME, &DeleteParams::default()).await.unwrap();
    soon("a deleted Secret", async || cluster.is_whole(&[&one, &other]).await).await;
    let second = cluster.secret(CERTIFICATE).await.unwrap();
    assert_ne!(second, first);
    assert!(cluster.published().await.contains(&first), "the one before stays trusted for a while");

    for (key, value) in [(CERTIFICATE, "rubbish"), (KEY, "")] {
        let before = cluster.secret(CERTIFICATE).await.unwrap();
        let damage = json!({ "stringData": { key: value } });
        cluster.secrets().patch(NAME, &PatchParams::default(), &Patch::Merge(damage)).await.unwrap();
        soon("a damaged Secret", async || {
            cluster.secret(CERTIFICATE).await.is_some_and(|now| now != before && now != "rubbish")
                && cluster.is_whole(&[&one, &other]).await
        })
        .await;
        assert!(cluster.published().await.contains(&before), "the one before stays trusted for a while");
    }

    let before = cluster.secret(CERTIFICATE).await.unwrap();
    let expired = Authority::generate(Timestamp::now() - SignedDuration::from_hours(11 * 365 * 24)).unwrap();
    let aged = json!({ "stringData": { CERTIFICATE: expired.certificate(), KEY: expired.key() } });
    cluster.secrets().patch(NAME, &PatchParams::default(), &Patch::Merge(aged)).await.unwrap();
    soon("an expired Secret", async || {
        cluster.secret(CERTIFICATE).await.is_some_and(|now| now != before && now != expired.certificate())
            && cluster.is_whole(&[&one, &other]).await
    })
    .await;
    let published = cluster.published().await;
    assert!(published.contains(&before), "the one that was served stays trusted for a while");
    assert!(!published.contains(expired.certificate()), "the expired one is trusted no more");
}

#[tokio::test]
async fn the_registration_is_put_right_and_fails_closed_only_where_it_is_narrowed_down() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let keeper = cluster.keeper();
    assert!(is_ready(&keeper).await);
    let narrows = cluster.control_plane.version().minor >= 28;
    let policy = if narrows { "Fail" } else { "Ignore" };
    assert_eq!(cluster.registration().await["webhooks"][0]["failurePolicy"], policy);
    assert_eq!(cluster.registration().await["webhooks"][0]["matchConditions"].is_array(), narrows);

    let rest = cluster.registration().await["metadata"]["resourceVersion"].take();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        cluster.registration().await["metadata"]["resourceVersion"],
        rest,
        "what is right is not written"
    );

    let meddled = json!({ "metadata": { "labels": { "team": "a" } }, "webhooks": [] });
    let params = PatchParams::default();
    cluster.registrations().patch("tagger", &params, &Patch::Merge(meddled)).await.unwrap();
    soon("a meddled registration", async || {
        cluster.registration().await["webhooks"][0]["failurePolicy"] == policy
            && cluster.is_whole(&[&keeper]).await
    })
    .await;
    assert_eq!(cluster.registration().await["metadata"]["labels"], json!({ "app": "tagger", "team": "a" }));

    cluster.registrations().delete("tagger", &DeleteParams::default()).await.unwrap();
    soon("a deleted registration", async || {
        cluster.registrations().get_opt("tagger").await.unwrap().is_some()
    })
    .await;

    // Whatever a server's version promises, nothing fails closed unless it keeps what narrows it down.
    drop(keeper);
    let bundle = cluster.published().await;
    let same = |_: &str| bundle.clone();
    let published = injection::publish(&cluster.client, &build(), same, true).await.unwrap();
    assert_eq!(published.narrowed, narrows);
    assert_eq!(cluster.registration().await["webhooks"][0]["failurePolicy"], policy);
}

#[tokio::test]
async fn a_start_without_a_namespace_or_an_api_server_is_made_up_for() {
    let cluster = Cluster::start().await;
    let early = cluster.keeper();
    sleep(Duration::from_secs(2)).await;
    assert!(!*early.ready().borrow());
    cluster.create_namespace().await;
    assert!(is_ready(&early).await);

    cluster.control_plane.stop_api_server().unwrap();
    let late = cluster.keeper();
    sleep(Duration::from_secs(1)).await;
    assert!(!*late.ready().borrow());
    assert!(*early.ready().borrow(), "what is served and trusted goes on");
    cluster.control_plane.start_api_server().await.unwrap();
    assert!(is_ready(&late).await);
    assert!(cluster.is_whole(&[&early, &late]).await);
}
