//! What the CNCF distribution registry says of a push.

use bytes::Bytes;
use serde_json::json;

/// The type of its notifications.
pub(super) const MEDIA_TYPE: &str = "application/vnd.docker.distribution.events.v2+json";

/// A push, as that registry tells of it: one event, with an id of its own.
pub(super) fn push(id: usize, host: &str, repository: &str, tag: &str, digest: &str) -> Bytes {
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let event = json!({
        "id": format!("00000000-0000-4000-8000-{id:012}"),
        "timestamp": "2024-01-01T00:00:00Z",
        "action": "push",
        "target": {
            "mediaType": media_type,
            "size": 400,
            "length": 400,
            "digest": digest,
            "repository": repository,
            "url": format!("http://{host}/v2/{repository}/manifests/{digest}"),
            "tag": tag,
        },
        "request": {
            "id": format!("00000000-0000-4000-9000-{id:012}"),
            "addr": "127.0.0.1:40000",
            "host": host,
            "method": "PUT",
            "useragent": "bench",
        },
        "actor": {},
        "source": {"addr": "registry:5000", "instanceID": "00000000-0000-4000-a000-000000000000"},
    });
    json!({"events": [event]}).to_string().into()
}
