//! What is wrong with the webhook's certificate, told as an Event on its registration: that is what people look at when it is not
//! asked.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tagger_admission::registration;
use tokio::sync::watch;

/// The longest note that the API takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Tells each problem once it is there, until nobody can have another. An Event that can't be written is dropped: the log has it.
pub(crate) async fn tell(client: Client, instance: String, mut problem: watch::Receiver<Option<String>>) {
    let reporter = Reporter { controller: "images.io/tagger".into(), instance: Some(instance) };
    let recorder = Recorder::new(client, reporter);
    let on = ObjectReference {
        api_version: Some("admissionregistration.k8s.io/v1".into()),
        kind: Some("MutatingWebhookConfiguration".into()),
        name: Some(registration::NAME.into()),
        ..ObjectReference::default()
    };
    loop {
        let told = problem.borrow_and_update().clone();
        if let Some(mut note) = told {
            note.truncate(note.floor_char_boundary(LONGEST_NOTE));
            let event = Event {
                type_: EventType::Warning,
                reason: "CertificateFailed".into(),
                note: Some(note),
                action: "Serving".into(),
                secondary: None,
            };
            if let Err(error) = recorder.publish(&event, &on).await {
                tracing::debug!(%error, "an Event about the certificate could not be written");
            }
        }
        if problem.changed().await.is_err() {
            return;
        }
    }
}
