use std::collections::BTreeMap;

use serde_json::Value;

use super::Platform;

/// What an image runs, and how: the parts of its configuration that people ask about, by the OCI image specification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// For which machines it is, by its own word.
    pub platform: Option<Platform>,
    /// When it was built, as it says: RFC 3339.
    pub created: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its environment: `NAME=value`.
    pub env: Vec<String>,
    /// What it runs.
    pub entrypoint: Vec<String>,
    /// The arguments of what it runs, or what it runs itself where there is no entrypoint.
    pub command: Vec<String>,
    /// As whom it runs.
    pub user: Option<String>,
    /// In which folder it runs.
    pub working_dir: Option<String>,
    /// The ports that it says it listens on: `8080/tcp`.
    pub exposed_ports: Vec<String>,
}

impl Configuration {
    /// Whether a configuration of this kind describes an image that runs.
    pub(super) fn is_of(media_type: &str) -> bool {
        ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"]
            .contains(&media_type)
    }

    /// Reads a document. What it lacks, or has in another shape than it should, is left out: images run all the same.
    pub(super) fn read(document: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(document).unwrap_or_default();
        let config = &document["config"];
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let list = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect();
        let labels = config["Labels"].as_object().into_iter().flatten();
        let ports = config["ExposedPorts"].as_object().into_iter().flatten();
        Self {
            platform: serde_json::from_value(document.clone()).ok().filter(Platform::is_known),
            created: text(&document["created"]),
            labels: labels
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
            env: list(&config["Env"]),
            entrypoint: list(&config["Entrypoint"]),
            command: list(&config["Cmd"]),
            user: text(&config["User"]),
            working_dir: text(&config["WorkingDir"]),
            exposed_ports: ports.map(|(port, _)| port.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_configuration_is_read_as_far_as_it_goes() {
        let document = json!({
            "os": "linux", "architecture": "arm64", "created": "2024-01-01T00:00:00Z",
            "config": {
                "Labels": { "a": "b", "odd": 7 }, "Env": ["PATH=/bin"], "Entrypoint": ["/app"], "Cmd": null,
                "User": "", "WorkingDir": "/srv", "ExposedPorts": { "80/tcp": {} },
            },
        });
        let read = Configuration::read(document.to_string().as_bytes());
        assert_eq!(read.platform.unwrap().to_string(), "linux/arm64");
        assert_eq!(read.created.as_deref(), Some("2024-01-01T00:00:00Z"));
        assert_eq!(read.labels, BTreeMap::from([("a".into(), "b".into())]));
        assert_eq!((read.env, read.entrypoint), (vec!["PATH=/bin".to_owned()], vec!["/app".to_owned()]));
        assert_eq!((read.command, read.user), (vec![], None));
        assert_eq!((read.working_dir.as_deref(), read.exposed_ports), (Some("/srv"), vec!["80/tcp".into()]));
    }

    #[test]
    fn what_is_no_configuration_says_nothing() {
        for document in ["", "[]", "null", r#"{"config":7}"#, r#"{"config":{"Env":{"a":1},"Labels":["a"]}}"#]
        {
            assert_eq!(Configuration::read(document.as_bytes()), Configuration::default(), "{document}");
        }
    }
}
