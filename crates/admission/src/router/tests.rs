mod replicas;

use super::*;
use crate::testing::{Asked, NEW, OLD, index};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::join_all;
use futures::stream;
use rstest::rstest;
use serde_json::{Value, json};
use std::convert::Infallible;
use tower::ServiceExt;

const V1: &str = "admission.k8s.io/v1";

fn settings() -> Settings {
    Settings::new("tagger-system")
}

fn replica(index: &Arc<TagIndex>) -> Router {
    router(settings(), Arc::clone(index))
}

async fn post_to(router: &Router, path: &str, body: impl Into<Body>) -> (StatusCode, String) {
    let request = http::Request::post(path).body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn ask(router: &Router, asked: &Asked) -> Value {
    let (status, body) = post_to(router, MUTATE, asked.review(V1)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["response"].take()
}

/// What the API server would store.
async fn write(router: &Router, asked: &Asked) -> Asked {
    let response = ask(router, asked).await;
    assert_eq!(response["allowed"], true, "{response}");
    match response["patch"].as_str() {
        Some(patch) => asked.patched(&serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap()),
        None => asked.clone(),
    }
}

#[rstest]
#[case::empty("", "the body is empty")]
#[case::not_json("hello", "not JSON")]
#[case::another_kind(r#"{"apiVersion":"v1","kind":"Pod"}"#, "\"Pod\"")]
#[case::an_unknown_version(
    r#"{"apiVersion":"admission.k8s.io/v7","kind":"AdmissionReview","request":{"uid":"1"}}"#,
    "v1beta1"
)]
#[case::no_request(r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#, "no request")]
#[case::no_uid(r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}"#, "no uid")]
#[tokio::test]
async fn a_bad_body_is_refused_with_a_sentence(
    #[case] body: &'static str,
    #[case] because: &str,
    #[values(MUTATE, VALIDATE)] path: &str,
) {
    let (status, text) = post_to(&replica(&Arc::default()), path, body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains(because), "{text}");
}

#[rstest]
#[case("admission.k8s.io/v1")]
#[case("admission.k8s.io/v1beta1")]
#[tokio::test]
async fn an_answer_is_of_the_version_that_asked(#[case] version: &str) {
    let router = replica(&Arc::new(index(&[("myapp", Some(NEW))])));
    let (status, body) = post_to(&router, MUTATE, Asked::create("Deployment", "myapp").review(version)).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (body["apiVersion"].as_str(), body["response"]["uid"].as_str()),
        (Some(version), Some("1-2-3"))
    );
    assert_eq!(body["response"]["patchType"], "JSONPatch");
}

#[rstest]
#[case::deleted(|request: &mut Value| { request["operation"] = json!("DELETE"); request["object"] = json!(null); })]
#[case::connected_to(|request: &mut Value| request["operation"] = json!("CONNECT"))]
#[case::of_an_unknown_kind(|request: &mut Value| request["kind"]["kind"] = json!("Gadget"))]
#[case::of_another_shape(|request: &mut Value| request["object"] = json!("text"))]
#[case::in_our_own_namespace(|request: &mut Value| request["namespace"] = json!("tagger-system"))]
#[tokio::test]
async fn an_object_is_allowed_as_it_is(#[case] change: fn(&mut Value)) {
    let mut request = Asked::create("Job", "myapp").request();
    change(&mut request);
    let review = json!({ "apiVersion": V1, "kind": "AdmissionReview", "request": request }).to_string();
    let (_, body) = post_to(&replica(&Arc::new(index(&[("myapp", None)]))), MUTATE, review).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["response"], json!({ "uid": "1-2-3", "allowed": true }));
}

#[rstest]
#[case::six_point_nine_mebibytes(6_900 * 1024, StatusCode::OK)]
#[case::seven_mebibytes(7 * 1024 * 1024, StatusCode::OK)]
#[case::one_byte_more(7 * 1024 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE)]
#[case::seven_point_one_mebibytes(7_270 * 1024, StatusCode::PAYLOAD_TOO_LARGE)]
#[tokio::test]
async fn bodies_have_a_limit(#[case] length: usize, #[case] expected: StatusCode) {
    let mut asked = Asked::create("Deployment", "myapp");
    asked.object["metadata"]["annotations"]["filler"] = json!("");
    let filler = "x".repeat(length - asked.review(V1).len());
    asked.object["metadata"]["annotations"]["filler"] = json!(filler);
    let body = asked.review(V1);
    assert_eq!(body.len(), length);
    let router = replica(&Arc::new(index(&[("myapp", Some(NEW))])));
    let (status, text) = post_to(&router, MUTATE, body).await;
    assert_eq!(status, expected);
    assert_eq!(text.contains("JSONPatch"), expected == StatusCode::OK);
    assert_eq!(text.contains("larger than"), expected != StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_tag_is_refused_with_its_fields() {
    let review = json!({ "apiVersion": V1, "kind": "AdmissionReview", "request": {
        "uid": "1", "operation": "CREATE", "kind": { "group": "images.io", "version": "v1", "kind": "Tag" },
        "name": "myapp", "namespace": "dev", "object": { "spec": { "from": "quay.io/a/b", "history": 99 } },
    } });
    let (_, body) = post_to(&replica(&Arc::default()), VALIDATE, review.to_string()).await;
    let status = serde_json::from_str::<Value>(&body).unwrap()["response"]["status"].take();
    assert_eq!((status["code"].as_u64(), status["reason"].as_str()), (Some(422), Some("Invalid")));
    assert_eq!(status["details"]["causes"][0]["field"], "spec.history");
}

#[tokio::test(start_paused = true)]
async fn ten_that_wait_for_a_generation_get_it_when_it_is_there() {
    let index = Arc::new(index(&[("myapp", None)]));
    let router = replica(&index);
    let start = Instant::now();
    let asked: Vec<Asked> =
        (0..10).map(|at| Asked::create(if at % 2 == 0 { "Deployment" } else { "Job" }, "myapp")).collect();
    let generation = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        index.set("dev", "other", None);
        tokio::time::sleep(Duration::from_millis(300)).await;
        index.set("dev", "myapp", Some(NEW));
    };
    let (written, ()) = tokio::join!(join_all(asked.iter().map(|asked| write(&router, asked))), generation);
    assert!(written.iter().all(|asked| asked.image() == NEW));
    assert_eq!(start.elapsed(), Duration::from_millis(600));
}

#[rstest]
#[case::a_template_for_a_generation(Asked::create("Deployment", "myapp"), 2000)]
#[case::a_job_for_a_generation(Asked::create("Job", "myapp"), 2000)]
#[case::a_job_for_a_tag(Asked::create("Job", "unknown"), 500)]
#[case::a_template_for_no_tag(Asked::create("Deployment", "unknown"), 0)]
#[tokio::test(start_paused = true)]
async fn patience_has_an_end(#[case] asked: Asked, #[case] milliseconds: u64) {
    let router = replica(&Arc::new(index(&[("myapp", None)])));
    let start = Instant::now();
    ask(&router, &asked).await;
    assert_eq!(start.elapsed(), Duration::from_millis(milliseconds));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_came_before_its_tag_waits_for_both_the_tag_and_its_generation() {
    let index = Arc::new(index(&[]));
    let router = replica(&index);
    let asked = Asked::create("Job", "myapp");
    let both = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        index.set("dev", "myapp", None);
        tokio::time::sleep(Duration::from_millis(1200)).await;
        index.set("dev", "myapp", Some(NEW));
    };
    let (written, ()) = tokio::join!(write(&router, &asked), both);
    assert_eq!(written.image(), NEW);
}

#[rstest]
#[case::a_job(Asked::create("Job", "myapp"))]
#[case::a_template(Asked::create("Deployment", "myapp"))]
#[case::a_strict_workload(Asked::create("Deployment", "myapp").strict())]
#[tokio::test(start_paused = true)]
async fn while_the_tags_are_not_known_patience_ends_without_an_answer(#[case] asked: Asked) {
    let start = Instant::now();
    let (status, body) = post_to(&replica(&Arc::default()), MUTATE, asked.review(V1)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert!(body.contains("not known yet"), "{body}");
    assert_eq!(start.elapsed(), settings().patience);
}

#[tokio::test(start_paused = true)]
async fn while_the_tags_are_not_known_what_does_not_need_them_is_answered_at_once() {
    let router = replica(&Arc::default());
    let start = Instant::now();
    let touched = Asked::stored("Deployment", OLD, Some(OLD)).touched(&json!({ "myapp": NEW }).to_string());
    assert_eq!(write(&router, &touched).await.image(), NEW);
    let mut not_ours = Asked::create("Deployment", "myapp");
    not_ours.object["metadata"]["annotations"] = json!({});
    assert_eq!(write(&router, &not_ours).await.image(), "myapp");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_comes_right_after_the_start_waits_until_the_tags_are_known() {
    let index: Arc<TagIndex> = Arc::default();
    let router = replica(&index);
    let asked = Asked::create("Job", "myapp");
    let list = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        index.set("dev", "myapp", Some(NEW));
        index.retain(|_, _| true);
    };
    let (written, ()) = tokio::join!(write(&router, &asked), list);
    assert_eq!(written.image(), NEW);
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_do_not_keep_others_out() {
    let index = Arc::new(index(&[("myapp", None), ("ready", Some(NEW))]));
    let few = Settings { concurrency: 4, waiting: 2, ..settings() };
    let router = router(few, index);
    let waits: Vec<Asked> = (0..3).map(|_| Asked::create("Deployment", "myapp")).collect();
    let start = Instant::now();
    let others = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        write(&router, &Asked::create("Deployment", "ready")).await;
        start.elapsed()
    };
    let timed = |asked: Asked| {
        let router = router.clone();
        async move {
            ask(&router, &asked).await;
            start.elapsed()
        }
    };
    let (mut times, other) = tokio::join!(join_all(waits.into_iter().map(timed)), others);
    times.sort();
    assert!(times[0] < Duration::from_millis(1), "the third is answered as things are");
    assert!(times[1] >= Duration::from_secs(2));
    assert!(other < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn too_many_at_once_are_sent_away_to_come_again() {
    let index = Arc::new(index(&[("myapp", None)]));
    let router = router(Settings { concurrency: 2, ..settings() }, index);
    let asked = Asked::create("Deployment", "myapp").review(V1);
    let answers = join_all((0..3).map(|_| post_to(&router, MUTATE, asked.clone()))).await;
    let sent_away = answers.iter().filter(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE).count();
    assert_eq!(sent_away, 1);
    assert_eq!(post_to(&router, MUTATE, "").await.0, StatusCode::BAD_REQUEST, "the places are free again");
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_stalls_is_given_up() {
    let piece = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
    let body = Body::from_stream(futures::StreamExt::chain(piece, stream::pending()));
    let (status, text) = post_to(&replica(&Arc::default()), MUTATE, body).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert!(text.contains("did not arrive"), "{text}");
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    async fn panics() -> StatusCode {
        panic!("on purpose")
    }
    let index = Arc::new(index(&[("myapp", Some(NEW))]));
    let router =
        guarded(Router::new().route("/panic", post(panics)).merge(replica(&index)), Metrics::default());
    assert_eq!(post_to(&router, "/panic", "").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(write(&router, &Asked::create("Deployment", "myapp")).await.image(), NEW);
}
