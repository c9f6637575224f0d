//! Which hosts are told apart: those that somebody named as registries, and no more than so many.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::super::origin::Origin;

/// How many hosts are told apart. Who may write Tags can name any number of them.
pub(super) const MOST: usize = 200;
/// All hosts beyond those, and those that nobody named: where uploads are sent to, for example.
pub(super) const OTHER: &str = "other";
/// A host that nobody asked for so long makes room for another one.
pub(super) const IDLE: Duration = Duration::from_secs(60 * 60);

/// The hosts that are told apart.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<String, Host>);

#[derive(Debug)]
struct Host {
    named: Instant,
    /// What was counted under its name, so that it can be taken away again.
    codes: BTreeSet<String>,
}

impl Hosts {
    /// Takes note of a registry. Gives the one that makes room for it, with its codes.
    pub(super) fn name(&mut self, origin: &Origin, now: Instant) -> Option<(String, BTreeSet<String>)> {
        let name = origin.to_string();
        if let Some(known) = self.0.get_mut(&name) {
            known.named = now;
            return None;
        }
        let new = Host { named: now, codes: BTreeSet::new() };
        if self.0.len() < MOST {
            self.0.insert(name, new);
            return None;
        }
        let oldest = self.0.iter().min_by_key(|(_, host)| host.named)?;
        if now.saturating_duration_since(oldest.1.named) < IDLE {
            return None;
        }
        let gone = oldest.0.clone();
        let codes = self.0.remove(&gone)?.codes;
        self.0.insert(name, new);
        Some((gone, codes))
    }

    /// The name under which a host is counted.
    pub(super) fn label(&self, origin: &Origin) -> String {
        let name = origin.to_string();
        if self.0.contains_key(&name) { name } else { OTHER.to_owned() }
    }

    /// Takes note of a code that is counted under a name. Gives the name, or that of all others where it made room meanwhile.
    pub(super) fn counts(&mut self, name: &str, code: &str) -> String {
        let Some(host) = self.0.get_mut(name) else { return OTHER.to_owned() };
        if !host.codes.contains(code) {
            host.codes.insert(code.to_owned());
        }
        name.to_owned()
    }
}
