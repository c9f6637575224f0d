//! The CNCF's distribution itself, telling of what is pushed to it.

use std::net::TcpListener;
use std::time::Duration;

use futures::StreamExt;
use tagger_receiver::Settings;
use tagger_receiver::server::{Limits, serve};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tokio::time::timeout;

use crate::support::{Here, SECRET};

#[tokio::test]
async fn a_push_is_heard_of_once_with_its_tag_and_without_its_blobs() {
    let mut here = Here::new(Settings::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/distribution", listener.local_addr().unwrap());
    let router = here.receiver.router();
    tokio::spawn(serve(listener, router, Limits::default(), std::future::pending()));
    let options = RegistryOptions::default().notify(&url, Some(&format!("Bearer {SECRET}")));
    let registry = Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap();

    Image::index(1, &["linux/amd64", "linux/arm64"]).push(&registry, "team/myapp", "v1").await.unwrap();
    Image::single(2).docker().push(&registry, "team/other", "latest").await.unwrap();

    let names = ["team/myapp:v1", "team/other:latest"].map(|name| format!("{}/{name}", registry.address()));
    let mut told = Vec::new();
    while told.len() < names.len() {
        let more = timeout(Duration::from_secs(30), here.waiting.next()).await.expect("it is told").unwrap();
        told.extend(more.iter().map(ToString::to_string));
    }
    assert_eq!(told, names);
    assert!(!here.metrics().contains(r#"code="4"#), "{}", here.metrics());
}
