//! What the guides show is taken as it stands.

use std::path::Path;

use serde_yaml_ng::Value;
use tagger_api::TagSpec;
use tagger_api::validation::problems;

/// Each block of YAML in the guide: a whole Tag, or some fields of a specification.
#[test]
fn the_examples_of_following_are_specifications_that_are_accepted() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/following.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let examples: Vec<&str> =
        guide.split("```yaml\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert!(examples.len() >= 5, "{}", examples.len());
    for example in examples {
        let read: Value = serde_yaml_ng::from_str(example).unwrap();
        let spec = match read.get("spec") {
            Some(spec) => spec.clone(),
            None => serde_yaml_ng::from_str(&format!("from: quay.io/company/myapp\n{example}")).unwrap(),
        };
        let spec: TagSpec = serde_yaml_ng::from_value(spec).unwrap();
        assert_eq!(problems(&spec), [], "{example}");
        assert!(spec.choice().unwrap().is_some(), "{example}");
    }
}
