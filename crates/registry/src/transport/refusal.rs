//! What the body of a refusal says: error codes of the OCI distribution specification, and little else.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use tokio::time::timeout;

use super::wire::Incoming;

/// The most bytes of a refusal that are read. A longer one costs its connection.
const SHORT: usize = 16 * 1024;

/// What a registry says with a refusal, as far as it changes what is done next. None of its text is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// A manifest names a blob or a manifest that is not there.
    pub(crate) part_unknown: bool,
    /// There is no room, on the disk or in the quota.
    pub(crate) storage_full: bool,
    /// What was asked for is not done here.
    pub(crate) unsupported: bool,
}

impl Refusal {
    /// Reads the body of a refusal, so that its connection can be used again.
    pub(super) async fn read(status: StatusCode, mut incoming: Incoming) -> Self {
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(piece)) = incoming.next().await {
                body.extend_from_slice(&piece);
                if body.len() > SHORT {
                    break;
                }
            }
        };
        let _ = timeout(Duration::from_millis(250), reading).await;
        Self::of(status, &body)
    }

    fn of(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Errors {
            errors: Vec<One>,
        }
        #[derive(Deserialize)]
        struct One {
            #[serde(default)]
            code: String,
        }
        let errors: Vec<One> =
            serde_json::from_slice(body).map_or(Vec::new(), |errors: Errors| errors.errors);
        let says = |codes: &[&str]| errors.iter().any(|error| codes.contains(&error.code.as_str()));
        Self {
            part_unknown: says(&["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"]),
            unsupported: says(&["UNSUPPORTED"]),
            storage_full: status == StatusCode::INSUFFICIENT_STORAGE || tells_of_a_full_disk(body),
        }
    }
}

/// No code of the specification is for a full disk: CNCF distribution shows the system's error, by number or by text, and
/// Harbor tells of its quota.
fn tells_of_a_full_disk(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    [r#""err":28"#, "no space left on device", "enospc", "quota"].iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(500, r#"{"errors":[{"code":"UNKNOWN","detail":{"Op":"mkdir","Err":28}}]}"#, (false, true, false))]
    #[case(500, r#"{"errors":[{"code":"UNKNOWN","message":"write /x: no space left on device"}]}"#, (false, true, false))]
    #[case(507, "", (false, true, false))]
    #[case(400, r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#, (true, false, false))]
    #[case(405, r#"{"errors":[{"code":"UNSUPPORTED"}]}"#, (false, false, true))]
    #[case(500, r#"{"errors":[{"code":"UNKNOWN","detail":{"Err":2}}]}"#, (false, false, false))]
    #[case(500, "<html>", (false, false, false))]
    #[case(500, r#"{"errors":7}"#, (false, false, false))]
    fn a_refusal_is_known_by_its_code(
        #[case] status: u16,
        #[case] body: &str,
        #[case] (part_unknown, storage_full, unsupported): (bool, bool, bool),
    ) {
        let refusal = Refusal::of(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        assert_eq!(refusal, Refusal { part_unknown, storage_full, unsupported });
    }
}
