//! Which Tags a push is about.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use tagger_api::Tag;
use tagger_core::reference::{Reference, Registry, Repository};
use tagger_registry::Client;

/// From each repository to the Tags that follow something in it, so that a push costs what it matches and not what exists.
///
/// It knows names alone; what the Tags want is read from the store of them, and there only of those that may be meant.
#[derive(Debug, Default)]
pub(crate) struct Repositories(RwLock<Names>);

#[derive(Debug, Default)]
struct Names {
    /// By the hash of a registry and a repository. Two that share one cost a look at a Tag more, and nothing else.
    tags: HashMap<u64, Vec<Arc<str>>>,
    /// Where each Tag is in the above.
    places: HashMap<Arc<str>, Box<[u64]>>,
}

impl Repositories {
    /// Notes where what a Tag follows may be pushed to.
    pub(crate) fn set(&self, tag: &Tag, client: &Client) {
        let mut places: Vec<u64> = whereabouts(tag, client)
            .iter()
            .map(|(registry, repository)| hash(registry, repository))
            .collect();
        places.sort_unstable();
        places.dedup();
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name = name(tag);
        if names.places.get(name.as_str()).is_some_and(|known| **known == *places) {
            return;
        }
        names.remove(&name);
        if places.is_empty() {
            return;
        }
        let name: Arc<str> = name.into();
        for place in &places {
            names.tags.entry(*place).or_default().push(name.clone());
        }
        names.places.insert(name, places.into());
    }

    /// Forgets a Tag that is gone.
    pub(crate) fn remove(&self, tag: &Tag) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&name(tag));
    }

    /// Forgets all Tags but these, by namespace and name.
    pub(crate) fn retain(&self, listed: &HashSet<(String, String)>) {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_there = |name: &str| {
            let (namespace, name) = name.split_once('/').unwrap_or_default();
            listed.contains(&(namespace.to_owned(), name.to_owned()))
        };
        let gone: Vec<Arc<str>> = names.places.keys().filter(|name| !is_there(name)).cloned().collect();
        gone.iter().for_each(|name| names.remove(name));
    }

    /// The Tags that what was pushed may move.
    pub(crate) fn meant(&self, pushed: &Reference, tags: &Store<Tag>, client: &Client) -> Vec<Arc<Tag>> {
        let Some(registry) = pushed.registry() else { return Vec::new() };
        let names = {
            let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
            names.tags.get(&hash(registry, pushed.repository())).cloned().unwrap_or_default()
        };
        let found = names.iter().filter_map(|name| {
            let (namespace, name) = name.split_once('/')?;
            tags.get(&ObjectRef::new(name).within(namespace))
        });
        found.filter(|tag| is_meant(tag, pushed, client)).collect()
    }
}

impl Names {
    fn remove(&mut self, name: &str) {
        for place in self.places.remove(name).iter().flat_map(|places| places.iter()) {
            if let Some(tags) = self.tags.get_mut(place) {
                tags.retain(|known| **known != *name);
                if tags.is_empty() {
                    self.tags.remove(place);
                }
            }
        }
    }
}

/// Whether a push to there may move a Tag: the very tag that it follows, or one that its policy could choose.
fn is_meant(tag: &Tag, pushed: &Reference, client: &Client) -> bool {
    let pushed_to = (pushed.registry().map(Registry::canonical), pushed.repository());
    let is_there = whereabouts(tag, client)
        .iter()
        .any(|(registry, repository)| (Some(registry.canonical()), repository) == pushed_to);
    let (Some(name), Ok(choice), Ok(from)) =
        (pushed.tag(), tag.spec.choice(), tag.spec.from.parse::<Reference>())
    else {
        return false;
    };
    is_there && choice.map_or_else(|| from.tag() == Some(name), |choice| choice.admits(name))
}

/// Where what a Tag follows may be pushed to; nowhere for one that does not listen, or whose `from` never moves.
fn whereabouts(tag: &Tag, client: &Client) -> Vec<(Registry, Repository)> {
    let listens = tag.spec.track.as_ref().is_none_or(|track| track.push != Some(false));
    match tag.spec.from.parse::<Reference>() {
        Ok(from) if listens && from.digest().is_none() && tag.meta().deletion_timestamp.is_none() => {
            client.whereabouts(&from)
        }
        _ => Vec::new(),
    }
}

/// However the registry is written: who pushes need not write it as who follows.
fn hash(registry: &Registry, repository: &Repository) -> u64 {
    let mut hasher = DefaultHasher::new();
    (registry.canonical(), repository).hash(&mut hasher);
    hasher.finish()
}

fn name(tag: &Tag) -> String {
    format!("{}/{}", tag.namespace().unwrap_or_default(), tag.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;
    use rstest::rstest;
    use serde_json::{Value, json};
    use tagger_registry::{Anonymous, RegistriesConf, Settings};

    fn client() -> Client {
        let conf = r#"
            unqualified-search-registries = ["docker.io", "quay.io"]
            [[registry]]
            prefix = "registry.example.org/team"
            location = "harbor.internal/team"
            [[registry.mirror]]
            location = "mirror.internal/team"
        "#;
        let registries = RegistriesConf::parse(conf).unwrap();
        let unqualified = ["docker.io", "quay.io"].map(|name| name.parse().unwrap()).into();
        Client::new(Settings { registries, unqualified, ..Settings::default() }, Anonymous).unwrap()
    }

    fn tag(spec: Value) -> Tag {
        let mut tag = Tag::new("myapp", serde_json::from_value(spec).unwrap());
        tag.metadata.namespace = Some("dev".into());
        tag
    }

    fn is_told(spec: Value, pushed: &str) -> bool {
        let (client, repositories, tag) = (client(), Repositories::default(), tag(spec));
        let (store, mut writer) = reflector::store();
        writer.apply_watcher_event(&Event::Apply(tag.clone()));
        repositories.set(&tag, &client);
        let meant = repositories.meant(&pushed.parse().unwrap(), &store, &client);
        repositories.remove(&tag);
        assert!(repositories.meant(&pushed.parse().unwrap(), &store, &client).is_empty());
        !meant.is_empty()
    }

    #[rstest]
    #[case::the_very_tag("quay.io/company/myapp:latest", "quay.io/company/myapp:latest", true)]
    #[case::no_tag_is_latest("quay.io/company/myapp", "quay.io/company/myapp:latest", true)]
    #[case::another_tag("quay.io/company/myapp:latest", "quay.io/company/myapp:v1", false)]
    #[case::another_repository("quay.io/company/myapp:latest", "quay.io/company/other:latest", false)]
    #[case::another_registry("quay.io/company/myapp:latest", "ghcr.io/company/myapp:latest", false)]
    #[case::an_alias_of_docker_hub("docker.io/fedora", "index.docker.io/library/fedora:latest", true)]
    #[case::as_helm_has_it("registry-1.docker.io/company/app:v1", "docker.io/company/app:v1", true)]
    #[case::and_pushed_so("docker.io/company/app:v1", "registry-1.docker.io/company/app:v1", true)]
    #[case::the_usual_port("quay.io:443/company/myapp:v1", "quay.io/company/myapp:v1", true)]
    #[case::and_pushed_so_too("quay.io/company/myapp:v1", "quay.io:443/company/myapp:v1", true)]
    #[case::another_port("quay.io:8443/company/myapp:v1", "quay.io/company/myapp:v1", false)]
    #[case::a_name_without_a_registry("company/myapp:v1", "quay.io/company/myapp:v1", true)]
    #[case::which_is_docker_hub_too("fedora:40", "docker.io/library/fedora:40", true)]
    #[case::and_nowhere_else("company/myapp:v1", "ghcr.io/company/myapp:v1", false)]
    #[case::where_it_is_read("registry.example.org/team/app:v1", "harbor.internal/team/app:v1", true)]
    #[case::a_mirror("registry.example.org/team/app:v1", "mirror.internal/team/app:v1", true)]
    #[case::the_name_itself("registry.example.org/team/app:v1", "registry.example.org/team/app:v1", true)]
    fn a_push_is_about_those_who_follow_it(#[case] from: &str, #[case] pushed: &str, #[case] expected: bool) {
        assert_eq!(is_told(json!({ "from": from }), pushed), expected);
    }

    #[rstest]
    #[case::in_range(json!({ "policy": { "semver": { "range": ">=1" } } }), "v1.2.3", true)]
    #[case::out_of_range(json!({ "policy": { "semver": { "range": ">=2" } } }), "v1.2.3", false)]
    #[case::a_sibling_s_own_tag(json!({ "policy": { "sibling": { "tag": "main-latest" } }, "filterTags": { "pattern": "^main-[0-9a-f]+$" } }), "main-latest", true)]
    #[case::one_that_passes_the_filter(json!({ "policy": { "sibling": { "tag": "main-latest" } }, "filterTags": { "pattern": "^main-[0-9a-f]+$" } }), "main-abc1234", true)]
    #[case::one_that_does_not(json!({ "policy": { "sibling": { "tag": "main-latest" } }, "filterTags": { "pattern": "^main-[0-9a-f]+$" } }), "amd64-main-abc1234", false)]
    #[case::a_tag_that_does_not_listen(json!({ "track": { "push": false } }), "latest", false)]
    #[case::one_that_says_that_it_does(json!({ "track": { "push": true } }), "latest", true)]
    fn a_policy_is_told_of_what_it_could_choose(
        #[case] mut spec: Value,
        #[case] tag: &str,
        #[case] expected: bool,
    ) {
        spec["from"] = json!("quay.io/company/myapp");
        assert_eq!(is_told(spec, &format!("quay.io/company/myapp:{tag}")), expected);
    }

    #[test]
    fn what_has_a_digest_is_never_told() {
        let from = format!("quay.io/company/myapp:v1@sha256:{:064x}", 0);
        assert!(!is_told(json!({ "from": from }), "quay.io/company/myapp:v1"));
    }

    #[test]
    fn a_tag_that_goes_elsewhere_is_found_there_and_nothing_is_left_of_those_that_are_gone() {
        let (client, repositories) = (client(), Repositories::default());
        for from in ["quay.io/a/b", "quay.io/a/c", "quay.io/a/c"] {
            repositories.set(&tag(json!({ "from": from })), &client);
        }
        let count = |repositories: &Repositories| {
            let names = repositories.0.read().unwrap();
            (names.tags.values().map(Vec::len).sum::<usize>(), names.places.len())
        };
        assert_eq!(count(&repositories), (1, 1));
        repositories.retain(&HashSet::from([("dev".into(), "myapp".into())]));
        assert_eq!(count(&repositories), (1, 1));
        repositories.retain(&HashSet::new());
        assert_eq!(count(&repositories), (0, 0));
    }
}
