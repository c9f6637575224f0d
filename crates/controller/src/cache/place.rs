use tagger_core::reference::{Digest, Reference, Registry, Repository};

use super::{CacheAddress, CacheProblem};

/// Says where the copies of images go, and what they are called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePlace {
    push: CacheAddress,
    refer: CacheAddress,
    plain: bool,
}

impl CachePlace {
    /// A place that Tagger pushes to at one address, and nodes pull from at another, or at the same one.
    pub fn new(push: CacheAddress, refer: CacheAddress, plain: bool) -> Self {
        Self { push, refer, plain }
    }

    /// The same place, referred to at another address where one is given.
    pub(super) fn referred_to_at(self, refer: Option<&CacheAddress>) -> Self {
        Self { refer: refer.cloned().unwrap_or(self.refer), ..self }
    }

    /// The registry that is pushed to.
    pub fn registry(&self) -> &Registry {
        self.push.registry()
    }

    /// Whether it is spoken to in plain HTTP.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// The repository, in [`Self::registry`], that the generations of a Tag are pushed to.
    pub fn repository(&self, namespace: &str, tag: &str) -> Result<Repository, CacheProblem> {
        self.push.repository(namespace, tag).map_err(|problem| named(tag, problem))
    }

    /// What an image of a Tag is called where nodes pull it: `<address to refer to>/<namespace>/<tag>@<digest>`.
    pub fn reference(&self, namespace: &str, tag: &str, digest: &Digest) -> Result<Reference, CacheProblem> {
        let repository = self.refer.repository(namespace, tag).map_err(|problem| named(tag, problem))?;
        let text = format!("{}/{repository}@{digest}", self.refer.registry());
        text.parse().map_err(|problem| named(tag, problem))
    }
}

fn named(tag: &str, problem: impl ToString) -> CacheProblem {
    CacheProblem::Name { tag: tag.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn place(push: &str, refer: &str) -> CachePlace {
        CachePlace::new(push.parse().unwrap(), refer.parse().unwrap(), false)
    }

    #[test]
    fn an_image_is_pushed_to_one_address_and_referred_to_at_another() {
        let place = place("cache.internal:5000/mirror", "localhost:32000");
        assert_eq!(place.registry().to_string(), "cache.internal:5000");
        assert_eq!(
            place.repository("development", "my.app-2").unwrap().as_str(),
            "mirror/development/my.app-2"
        );
        let reference = place.reference("development", "my.app-2", &DIGEST.parse().unwrap()).unwrap();
        assert_eq!(reference.to_string(), format!("localhost:32000/development/my.app-2@{DIGEST}"));
    }

    #[test]
    fn a_name_that_no_registry_takes_says_so() {
        let problem = place("a.io", "a.io").repository("development", &"a".repeat(253)).unwrap_err();
        assert!(problem.to_string().contains("too long"), "{problem}");
        assert_eq!(problem.reason(), "CacheInvalid");
    }
}
