//! What the body of a refusal says: error codes of the OCI distribution specification, and little else.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use tokio::time::timeout;

use super::answer::Incoming;

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
            storage_full: match status.as_u16() {
                507 => true,
                403 | 500 | 503 => tells_of_a_full_disk(body),
                // These tell names of repositories, which may be anything.
                _ => false,
            },
        }
    }
}

/// No code of the specification is for a full disk: CNCF distribution shows the system's error, by number or by text, and
/// Harbor tells of its quota.
fn tells_of_a_full_disk(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    let says = |sign: &str| text.contains(sign);
    says(r#""err":28"#)
        || says("no space left on device")
        || says("enospc")
        || (says("quota") && says("exceed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(500, r#"{"errors":[{"code":"UNKNOWN","detail":{"Op":"mkdir","Err":28}}]}"#, (false, true, false))]
    #[case(500, r#"{"errors":[{"code":"UNKNOWN","message":"write /x: no space left on device"}]}"#, (false, true, false))]
    #[case(507, "", (false, true, false))]
    #[case(403, r#"{"errors":[{"code":"DENIED","message":"Quota exceeded when adding 1 GiB"}]}"#, (false, true, false))]
    #[case(403, r#"{"errors":[{"code":"DENIED","message":"no push to library/quota-service"}]}"#, (false, false, false))]
    #[case(401, r#"{"errors":[{"code":"UNAUTHORIZED","detail":[{"Name":"a/enospc-quota-exceeded"}]}]}"#, (false, false, false))]
    #[case(404, r#"{"errors":[{"code":"NAME_UNKNOWN","detail":{"name":"a/enospc"}}]}"#, (false, false, false))]
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
