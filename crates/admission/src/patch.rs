//! The changes that an answer makes to an object: a JSON patch (RFC 6902).

use serde::Serialize;
use serde_json::Value;
use tagger_api::annotations::FOLLOWS;

/// One change of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Sets a value where there may be none.
    Add {
        /// The JSON pointer (RFC 6901) to the value.
        path: String,
        /// The value.
        value: String,
    },
    /// Sets a value where there is one.
    Replace {
        /// The JSON pointer (RFC 6901) to the value.
        path: String,
        /// The value.
        value: String,
    },
    /// Sets the notes of who manages which fields, see [`crate::standstill`].
    #[serde(rename = "replace")]
    ReplaceManagers {
        /// The JSON pointer (RFC 6901) to them.
        path: &'static str,
        /// All of them.
        value: Value,
    },
    /// Takes a value away.
    Remove {
        /// The JSON pointer (RFC 6901) to the value.
        path: String,
    },
}

/// The JSON pointer to the record on a workload.
pub fn record_pointer() -> String {
    format!("/metadata/annotations/{}", escaped(FOLLOWS))
}

/// A name as a JSON pointer spells it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_are_spelled_as_the_rfc_says() {
        let path = record_pointer();
        let operations = [
            Operation::Add { path: path.clone(), value: "a".into() },
            Operation::Replace { path: "/spec/image".into(), value: "b".into() },
            Operation::Remove { path },
        ];
        let expected = json!([
            { "op": "add", "path": "/metadata/annotations/images.io~1follows", "value": "a" },
            { "op": "replace", "path": "/spec/image", "value": "b" },
            { "op": "remove", "path": "/metadata/annotations/images.io~1follows" },
        ]);
        assert_eq!(serde_json::to_value(operations).unwrap(), expected);
    }

    #[test]
    fn a_pointer_escapes_the_tilde_first() {
        assert_eq!(escaped("a~/b"), "a~0~1b");
    }
}
