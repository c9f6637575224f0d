//! What is wrong with the webhook's certificate, told as an Event on the Pod that this process is in: that is what people look at when it
//! is not ready.

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client};
use tokio::sync::watch;

/// The longest note that the API takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Tells each problem once it is there, until nobody can have another. An Event that can't be written is dropped: the log has it.
pub(crate) async fn tell(
    client: Client,
    namespace: String,
    instance: String,
    mut problem: watch::Receiver<Option<String>>,
) {
    let reporter = Reporter { controller: "images.io/tagger".into(), instance: Some(instance.clone()) };
    let recorder = Recorder::new(client.clone(), reporter);
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let mut on = ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        namespace: Some(namespace),
        name: Some(instance),
        ..ObjectReference::default()
    };
    loop {
        let told = problem.borrow_and_update().clone();
        if let Some(mut note) = told {
            if let (None, Ok(Some(pod))) =
                (&on.uid, pods.get_opt(on.name.as_deref().unwrap_or_default()).await)
            {
                // Without it, `kubectl describe pod` finds no Event.
                on.uid = pod.metadata.uid;
            }
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
