use http::HeaderMap;
use tagger_core::reference::Registry;

use crate::naming;
use crate::problem::Problem;

/// A notification as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The headers that it came with.
    pub headers: &'a HeaderMap,
    /// What it says.
    pub body: &'a [u8],
    /// The registry that it is about, whatever it says itself.
    pub registry: Option<&'a Registry>,
}

impl<'a> Message<'a> {
    /// The text of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The registry that the notification is about: the one it was given along with, or else the one that it names.
    pub(crate) fn place(&self, told: Option<&str>, field: &str) -> Result<Registry, Problem> {
        match (self.registry, told.filter(|host| !host.is_empty())) {
            (Some(registry), _) => Ok(registry.clone()),
            (None, Some(host)) => naming::registry(host, field),
            (None, None) => Err(Problem::NoRegistry),
        }
    }
}
