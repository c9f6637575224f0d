//! Secrets are in no line of the log, whatever the level.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tagger_receiver::{Provider, Settings};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Here, SECRET, push, with_secret};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_of_a_secret_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // For the whole process: what the other tests have logged so far is looked at as well.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let here = Here::new(Settings { capacity: 1, ..Settings::default() });
    for provider in Provider::ALL {
        for (secret, body) in [
            (SECRET, push(provider, "v1").to_string()),
            ("guess-of-hunter2", String::new()),
            (SECRET, "hunter2".to_owned()),
        ] {
            here.ask(with_secret(provider, secret, &body)).await;
        }
    }
    tracing::info!("{:?}", here.receiver);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("told of pushed tags") && text.contains("can't be used"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains("hunter2"), "{text}");
}
