//! What must be so for the process to be ready, told by the part that sees to it.

use tokio::sync::watch;

/// One thing that must be so. When the part that tells of it has ended, by a panic perhaps, nobody holds the other end any more, and the
/// process is not worth keeping.
pub(crate) struct Check {
    /// Its name.
    pub(crate) name: &'static str,
    told: watch::Receiver<bool>,
    /// What it means that it is not so, and what to do.
    otherwise: &'static str,
    more: Option<More>,
}

/// What is looked at besides, at each question: what there is to say, or what is wrong.
type More = Box<dyn Fn() -> Result<String, String> + Send + Sync>;

impl Check {
    /// A check that a part tells of.
    pub(crate) fn new(name: &'static str, told: watch::Receiver<bool>, otherwise: &'static str) -> Self {
        Self { name, told, otherwise, more: None }
    }

    /// The same check, where more is looked at.
    #[must_use]
    pub(crate) fn and(self, more: impl Fn() -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self { more: Some(Box::new(more)), ..self }
    }

    /// Whether the part is there that tells of it.
    pub(super) fn is_there(&self) -> Result<String, String> {
        match self.told.has_changed() {
            Ok(_) => Ok(String::new()),
            Err(_) => Err("this part has ended by itself; the log says why".to_owned()),
        }
    }

    /// Whether it is so.
    pub(super) fn is_well(&self) -> Result<String, String> {
        if !*self.told.borrow() {
            return Err(self.otherwise.to_owned());
        }
        self.more.as_ref().map_or_else(|| Ok(String::new()), |more| more())
    }
}
