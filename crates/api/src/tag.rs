//! The Tag resource.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tagger_core::generation::{Generation, History};

/// The grammar of `spec.from`, for the schema: `[host[:port]/]path[:tag][@digest]`.
pub const FROM_PATTERN: &str = r"^((([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*)|\[[A-Fa-f0-9:.]+\])(:[0-9]{1,5})?/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}))?$";

/// The grammar of a duration, as Go and Kubernetes write it.
pub const DURATION_PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(s|m|h))+$";

/// What a Tag follows, and how. Workloads of the same namespace that are annotated image-tag: "true" and name the Tag in
/// place of an image run its current generation.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "images.io",
    version = "v1",
    kind = "Tag",
    namespaced,
    status = "TagStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A Tag follows an image tag in a remote registry and records every digest it pointed to as a numbered generation.",
    printcolumn = r#"{"name":"Generation","type":"integer","jsonPath":".status.generation","description":"The generation that workloads use now."}"#,
    printcolumn = r#"{"name":"From","type":"string","jsonPath":".spec.from","description":"Where the Tag imports from."}"#,
    printcolumn = r#"{"name":"Cache","type":"boolean","jsonPath":".spec.cache","description":"Whether generations are mirrored into the cache registry."}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether the Tag is as its specification wants it."}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Reference","type":"string","jsonPath":".status.imageReference","priority":1,"description":"The image, by digest, that workloads use now."}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.policy) || !has(self.filterTags)").message("filterTags needs a policy: one of semver, numerical, alphabetical, sibling").field_path(".filterTags"))]
#[x_kube(validation = Rule::new("!has(self.policy) || !self.from.matches('(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@.*)$')").message("with a policy, from bears neither a tag nor a digest").field_path(".from"))]
pub struct TagSpec {
    /// The image to follow: host/path:tag, such as quay.io/company/myapp:latest. No tag means latest. A name without a
    /// host is looked up in the configured registries, docker.io unless told otherwise. With a digest, the digest is
    /// what is imported.
    #[schemars(length(min = 1, max = 1024), regex(pattern = FROM_PATTERN))]
    pub from: String,

    /// The generation that workloads are to use. One that exists is gone to, up or down, without asking the registry;
    /// the newest and one makes a new import. Absent: the Tag follows, and is at its newest generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub generation: Option<i64>,

    /// Whether every generation is mirrored, whole, into the cache registry before it is used. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<bool>,

    /// How many generations are kept, 1 to 50. The current one, and those that workloads still run, are kept besides.
    /// Default: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50))]
    pub history: Option<i64>,

    /// Whether the Tag is left as it is: no import, no roll-out. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// What makes a new generation without a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Box<Track>>,

    /// Which tags of the repository a policy chooses from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_tags: Option<Box<FilterTags>>,

    /// How a tag of the repository is chosen. from then bears no tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<Policy>>,
}

/// What makes a new generation without a person.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.timeZone) || has(self.schedule)").message("timeZone needs a schedule").field_path(".timeZone"))]
pub struct Track {
    /// Whether push notifications of the registry are heard. Default: true, also where there is no track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<bool>,

    /// How often the registry is asked, at least 30s: 30s, 10m, 1h30m. Up to a tenth is added, so that many Tags are
    /// not due at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = DURATION_PATTERN))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('30s')").message("must be at least 30s"))]
    pub interval: Option<String>,

    /// When the registry is asked: five fields of cron, such as "0 3 * * *". With an interval too, whichever comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^\S+( +\S+){4}$"))]
    pub schedule: Option<String>,

    /// The time zone of the schedule, by its IANA name, such as Europe/Zurich. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
}

/// Which tags of the repository a policy chooses from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FilterTags {
    /// A regular expression that a tag must match, anywhere in it unless there is a ^ or $. Matched in linear time: no
    /// look-around, no back-references.
    #[schemars(length(min = 1, max = 512))]
    pub pattern: String,

    /// What of the match the policy compares, by the names or numbers of its groups: $ts, ${ts}, $1. Default: the whole
    /// tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub extract: Option<String>,
}

/// How a tag of the repository is chosen: one of semver, numerical, alphabetical, sibling.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.semver), has(self.numerical), has(self.alphabetical), has(self.sibling)].filter(x, x).size() == 1").message("must have exactly one of: semver, numerical, alphabetical, sibling"))]
pub struct Policy {
    /// The highest version in a range. Only whole versions count, with or without a v: 1.2.3, v1.2.3-rc.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<SemverPolicy>,
    /// The last in the order of numbers. Tags that are no number are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numerical: Option<OrderPolicy>,
    /// The last in the order of letters, which is that of ASCII: digits, capitals, small letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alphabetical: Option<OrderPolicy>,
    /// The filtered tag that has the same digest as another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sibling: Option<SiblingPolicy>,
}

/// The highest version in a range.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
pub struct SemverPolicy {
    /// The range of versions, such as ">=1.2.0, <2", "1.x", "~1.2" or "1.2 - 1.4 || ^2.1". Prereleases count where the
    /// range names one: ">=1.0.0-0".
    #[schemars(length(min = 1, max = 256))]
    pub range: String,
}

/// The last tag in some order.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
pub struct OrderPolicy {
    /// Whether the last is the greatest (asc, the default) or the smallest (desc).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
}

/// The direction of an order.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The greatest is last.
    Asc,
    /// The smallest is last.
    Desc,
}

/// The filtered tag that has the same digest as this one.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
pub struct SiblingPolicy {
    /// The tag whose digest is looked for, such as main-latest.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"))]
    pub tag: String,
}

/// What Tagger knows of a Tag.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TagStatus {
    /// The metadata.generation that this status is an answer to. -1: none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The generation that workloads use now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,

    /// The image, by digest, that workloads use now: the reference of the current generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_reference: Option<String>,

    /// The generations that were imported, newest first.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub references: History,

    /// How the last import went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_import_attempt: Option<ImportAttempt>,

    /// How far a copy into the cache is that takes more than a moment. Absent while nothing is copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirroring: Option<CopyProgress>,

    /// Ready, Reconciling and Stalled, by the rules of kstatus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// How the last import of a Tag went.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ImportAttempt {
    /// When the import was tried.
    pub when: Timestamp,
    /// Whether it made a generation.
    pub succeed: bool,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// How far a copy of a generation into the cache is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CopyProgress {
    /// The number of the generation that is copied.
    #[schemars(range(min = 0))]
    pub generation: i64,
    /// How many bytes of its blobs are in the cache.
    #[schemars(range(min = 0))]
    pub copied: i64,
    /// How many bytes its blobs have, of those that are known by now: a manifest is read before its blobs are known.
    #[schemars(range(min = 0))]
    pub total: i64,
}

impl TagSpec {
    /// How many generations are kept.
    pub fn history_length(&self) -> usize {
        let length = self.history.and_then(|length| usize::try_from(length).ok());
        length.filter(|length| *length > 0).unwrap_or(History::DEFAULT_LENGTH)
    }

    /// Whether the Tag is to be left as it is.
    pub fn is_suspended(&self) -> bool {
        self.suspend == Some(true)
    }
}

impl TagStatus {
    /// The generation that workloads use now, with its reference.
    pub fn current(&self) -> Option<&Generation> {
        self.references.get(self.generation?)
    }
}
