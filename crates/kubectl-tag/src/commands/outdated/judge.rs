//! Whether a Tag is behind its registry: pure.

use kube::ResourceExt;
use serde::Serialize;
use tagger_api::Tag;
use tagger_core::generation::History;
use tagger_core::reference::Digest;

/// A Tag, and what its registry has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Verdict {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Where the Tag imports from.
    pub(super) from: String,
    /// The generation that workloads use.
    pub(super) current: Option<i64>,
    /// The newest generation that is known.
    pub(super) newest: Option<i64>,
    pub(super) state: State,
    /// How many generations that are known come after the current one.
    pub(super) behind: usize,
    /// What the registry has now; none where that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registry: Option<Found>,
    /// Why it is unknown what the registry has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

/// What a registry has for a Tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    /// The tag that is followed, or that the policy chooses; none where `from` names a digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
    pub(super) digest: Digest,
}

/// How a Tag stands to its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// The current generation is what the registry has.
    UpToDate,
    /// The registry has something that is no generation yet.
    NewInRegistry,
    /// What the registry has is a generation, and not the current one.
    NotCurrent,
    /// It could not be found out.
    Unknown,
}

impl State {
    /// Whether the registry has what the cluster does not use.
    pub(super) fn is_outdated(self) -> bool {
        matches!(self, Self::NewInRegistry | Self::NotCurrent)
    }
}

/// Judges a Tag by what its registry has, or by why that is unknown.
pub(super) fn judge(tag: &Tag, found: Result<Found, String>) -> Verdict {
    let status = tag.status.clone().unwrap_or_default();
    let history = &status.references;
    let current = status.current();
    let state = match &found {
        Err(_) => State::Unknown,
        Ok(found) if current.is_some_and(|current| current.digest().as_ref() == Some(&found.digest)) => {
            State::UpToDate
        }
        Ok(found) if is_after(history, status.generation, &found.digest) => State::NotCurrent,
        Ok(_) => State::NewInRegistry,
    };
    Verdict {
        namespace: tag.namespace().unwrap_or_default(),
        name: tag.name_any(),
        from: tag.spec.from.clone(),
        current: status.generation,
        newest: history.newest().map(|newest| newest.generation),
        state,
        behind: history.iter().filter(|known| Some(known.generation) > status.generation).count(),
        why: found.as_ref().err().cloned(),
        registry: found.ok(),
    }
}

/// Whether a digest is that of a generation after the current one. That of an earlier one is news: the registry went back.
fn is_after(history: &History, current: Option<i64>, digest: &Digest) -> bool {
    let mut later = history.iter().filter(|known| Some(known.generation) > current);
    later.any(|known| known.digest().as_ref() == Some(digest))
}

impl Verdict {
    /// The state in words.
    pub(super) fn words(&self) -> String {
        let behind = match self.behind {
            0 => String::new(),
            many => format!(", behind by {many}"),
        };
        match (self.state, self.current) {
            (State::UpToDate, _) => "up to date".to_owned(),
            (State::NotCurrent, _) => format!("behind by {}", self.behind),
            (State::NewInRegistry, None) => "nothing imported yet".to_owned(),
            (State::NewInRegistry, Some(_)) => format!("new in the registry{behind}"),
            (State::Unknown, _) => format!("unknown: {}", self.why.as_deref().unwrap_or("no answer")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn digest(number: u8) -> Digest {
        format!("sha256:{number:064x}").parse().unwrap()
    }

    /// A Tag with generations of these digests, the oldest first, at one of them.
    fn tag(digests: &[u8], current: Option<i64>) -> Tag {
        let known = |(number, seed): (usize, &u8)| {
            json!({
                "generation": number, "from": "quay.io/a/b", "importedAt": "2026-01-01T00:00:00Z",
                "imageReference": format!("quay.io/a/b@{}", digest(*seed)),
            })
        };
        let references: Vec<_> = digests.iter().enumerate().map(known).collect();
        serde_json::from_value(json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": "app", "namespace": "dev" },
            "spec": { "from": "quay.io/a/b" },
            "status": { "generation": current, "references": references },
        }))
        .unwrap()
    }

    #[rstest]
    #[case::the_same(&[1, 2], Some(1), Ok(2), State::UpToDate, 0, "up to date")]
    #[case::moved(&[1, 2], Some(1), Ok(3), State::NewInRegistry, 0, "new in the registry")]
    #[case::stepped_back(&[1, 2], Some(0), Ok(2), State::NotCurrent, 1, "behind by 1")]
    #[case::stepped_back_and_moved(&[1, 2, 3], Some(0), Ok(4), State::NewInRegistry, 2, "new in the registry, behind by 2")]
    #[case::stepped_back_to_what_the_registry_has(&[1, 2], Some(0), Ok(1), State::UpToDate, 1, "up to date")]
    #[case::the_registry_went_back(&[1, 2], Some(1), Ok(1), State::NewInRegistry, 0, "new in the registry")]
    #[case::nothing_yet(&[], None, Ok(1), State::NewInRegistry, 0, "nothing imported yet")]
    #[case::unknown(&[1], Some(0), Err("it is asleep"), State::Unknown, 0, "unknown: it is asleep")]
    fn a_tag_is_judged_by_what_its_registry_has(
        #[case] digests: &[u8],
        #[case] current: Option<i64>,
        #[case] has: Result<u8, &str>,
        #[case] state: State,
        #[case] behind: usize,
        #[case] words: &str,
    ) {
        let found = has.map(|seed| Found { tag: None, digest: digest(seed) }).map_err(str::to_owned);
        let verdict = judge(&tag(digests, current), found);
        assert_eq!((verdict.state, verdict.behind, verdict.words().as_str()), (state, behind, words));
        assert_eq!(state.is_outdated(), matches!(state, State::NewInRegistry | State::NotCurrent));
    }
}
