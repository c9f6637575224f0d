//! Google's tokens: each claim counts, keys are fetched once, and nobody is let in for want of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use http::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use tagger_receiver::{Provider, Settings};

use crate::support::{Answered, Here, post, push};

const EMAIL: &str = "push@company.iam.gserviceaccount.com";

/// Google, as far as it concerns us: a key, and the address at which it is told.
struct Google {
    key: KeyPair,
    address: String,
    document: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Google {
    async fn start() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        // SEQUENCE { INTEGER n, INTEGER e }: the modulus is behind nine bytes of lengths and a leading zero.
        let modulus = URL_SAFE_NO_PAD.encode(&key.public_key().as_ref()[9..265]);
        let keys = json!({"keys": [
            {"kid": "other", "kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},
            {"kid": "one", "kty": "RSA", "alg": "RS256", "use": "sig", "n": modulus, "e": "AQAB"},
        ]});
        Self::serving(key, keys.to_string()).await
    }

    async fn serving(key: KeyPair, document: String) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let document = Arc::new(Mutex::new(document));
        let (count, told) = (asked.clone(), document.clone());
        let router = Router::new().route(
            "/certs",
            get(async move || {
                count.fetch_add(1, Ordering::Relaxed);
                ([("cache-control", "public, max-age=3600")], told.lock().unwrap().clone())
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/certs", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { key, address, document, asked }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn here(&self) -> Here {
        let settings = Settings { google_keys: Some(self.address.parse().unwrap()), ..Settings::default() };
        Here::with(settings, &[("google", &format!("{EMAIL} tagger\nother@company.com elsewhere"))])
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "one", "typ": "JWT"})
}

fn claims() -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({
        "aud": "tagger", "azp": "113774264463038321964", "email": EMAIL, "email_verified": true,
        "exp": now + 3600, "iat": now, "iss": "https://accounts.google.com", "sub": "113774264463038321964",
    })
}

async fn ask(here: &Here, token: &str) -> Answered {
    let authorization = format!("Bearer {token}");
    here.ask(post("/google", &[("authorization", &authorization)], push(Provider::Google, "v1").to_string()))
        .await
}

#[tokio::test]
async fn the_account_that_was_named_is_let_in_and_keys_are_asked_for_once() {
    let google = Google::start().await;
    let mut here = google.here();
    let token = google.token(&header(), &claims());
    let answers = join_all((0..20).map(|_| ask(&here, &token))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::ACCEPTED), "{answers:?}");
    assert_eq!((here.told(), google.asked()), (vec!["a.io/team/myapp:v1".to_owned()], 1));
    let mut claims = claims();
    claims["iss"] = json!("accounts.google.com");
    assert_eq!(ask(&here, &google.token(&header(), &claims)).await.status, StatusCode::ACCEPTED);
}

#[rstest]
#[case::audience("aud", json!("somebody else"))]
#[case::no_audience("aud", Value::Null)]
#[case::audience_of_another_account("aud", json!("elsewhere"))]
#[case::issuer("iss", json!("https://accounts.company.com"))]
#[case::no_issuer("iss", Value::Null)]
#[case::email("email", json!("push@evil.iam.gserviceaccount.com"))]
#[case::no_email("email", Value::Null)]
#[case::email_not_verified("email_verified", json!(false))]
#[case::email_verified_by_a_word("email_verified", json!("true"))]
#[case::email_not_said_to_be_verified("email_verified", Value::Null)]
#[case::expired("exp", json!(1_700_000_000))]
#[case::no_expiry("exp", Value::Null)]
#[case::not_yet("nbf", json!(99_999_999_999_u64))]
#[tokio::test]
async fn every_claim_counts(#[case] claim: &str, #[case] value: Value) {
    let google = Google::start().await;
    let mut here = google.here();
    let mut claims = claims();
    claims[claim] = value;
    let answer = ask(&here, &google.token(&header(), &claims)).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, ""));
    assert!(here.told().is_empty());
}

#[tokio::test]
async fn a_token_that_is_not_signed_with_a_key_of_google_s_is_refused() {
    let (google, other) = (Google::start().await, Google::start().await);
    let here = google.here();
    let good = google.token(&header(), &claims());
    let none = json!({"alg": "none", "kid": "one"});
    let (signed, _) = good.rsplit_once('.').unwrap();
    for token in [
        other.token(&header(), &claims()),
        google.token(&json!({"alg": "HS256", "kid": "one"}), &claims()),
        google.token(&json!({"alg": "RS256"}), &claims()),
        format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(none.to_string()),
            URL_SAFE_NO_PAD.encode(claims().to_string())
        ),
        format!("{signed}."),
        "x".to_owned(),
        String::new(),
    ] {
        assert_eq!(ask(&here, &token).await.status, StatusCode::UNAUTHORIZED, "{token}");
    }
    assert_eq!(ask(&here, &good).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_forger_who_names_many_keys_has_them_asked_for_once() {
    let google = Google::start().await;
    let here = google.here();
    for number in 0..50 {
        let token = google.token(&json!({"alg": "RS256", "kid": format!("made up {number}")}), &claims());
        assert_eq!(ask(&here, &token).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(google.asked(), 1);
    assert_eq!(ask(&here, &google.token(&header(), &claims())).await.status, StatusCode::ACCEPTED);
}

#[rstest]
#[case::no_json("<html>".to_owned())]
#[case::too_large(" ".repeat(300 * 1024))]
#[tokio::test]
async fn without_keys_it_is_to_be_sent_again(#[case] document: String) {
    let google = Google::serving(KeyPair::generate(KeySize::Rsa2048).unwrap(), document).await;
    let here = google.here();
    for _ in 0..5 {
        let answer = ask(&here, &google.token(&header(), &claims())).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key("retry-after") && !answer.body.contains("html"), "{answer:?}");
    }
    assert_eq!(google.asked(), 1, "and nobody is hurried");
}

async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_new_key_is_found_after_a_minute_and_an_old_one_is_forgotten_when_google_says_so() {
    let google = Google::start().await;
    let here = google.here();
    let token = |name: &str| google.token(&json!({"alg": "RS256", "kid": name}), &claims());
    assert_eq!(ask(&here, &token("one")).await.status, StatusCode::ACCEPTED);
    let renamed = google.document.lock().unwrap().replace(r#""one""#, r#""two""#);
    *google.document.lock().unwrap() = renamed;
    assert_eq!(
        ask(&here, &token("two")).await.status,
        StatusCode::UNAUTHORIZED,
        "it is too early to ask again"
    );
    later(Duration::from_secs(61)).await;
    assert_eq!(ask(&here, &token("two")).await.status, StatusCode::ACCEPTED);
    assert_eq!(ask(&here, &token("one")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(google.asked(), 2);
    later(Duration::from_secs(3601)).await;
    assert_eq!(ask(&here, &token("two")).await.status, StatusCode::ACCEPTED);
    assert_eq!(google.asked(), 3);
}

#[tokio::test]
async fn keys_that_are_held_go_on_while_google_is_away_and_not_for_longer_than_they_hold() {
    let google = Google::start().await;
    let here = google.here();
    let token = |name: &str| google.token(&json!({"alg": "RS256", "kid": name}), &claims());
    assert_eq!(ask(&here, &token("one")).await.status, StatusCode::ACCEPTED);
    *google.document.lock().unwrap() = "away".to_owned();
    later(Duration::from_secs(61)).await;
    assert_eq!(ask(&here, &token("unknown")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&here, &token("one")).await.status, StatusCode::ACCEPTED);
    later(Duration::from_secs(3600)).await;
    assert_eq!(ask(&here, &token("one")).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
