use std::sync::Arc;

use tagger_core::reference::{Digest, Reference, Registry, Repository};
use tokio::time::{Instant, timeout_at};

use crate::copy::Shared;
use crate::error::Error;
use crate::fault::Fault;
use crate::keychain::Keychain;
use crate::remote::Remote;
use crate::resolve::{Lookup, Resolved, gather};
use crate::settings::{Settings, SettingsError};
use crate::transport::{Access, Scope, Transport};

/// Asks registries what tags point at, and copies images between them. Cheap to clone; clones share connections, tokens and
/// budgets.
///
/// ```no_run
/// use tagger_registry::{Anonymous, Client, Settings};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(Settings::default(), Anonymous)?;
/// let resolved = client.resolve(&"quay.io/company/myapp:latest".parse()?, |_| None).await?;
/// println!("{}", resolved.reference.pinned(&resolved.digest));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    keychains: Vec<Arc<dyn Keychain>>,
    unqualified: Arc<[Registry]>,
    pub(crate) shared: Arc<Shared>,
}

impl Client {
    /// A client that does what these settings say. Settings that can't be honoured are an error.
    pub fn new(settings: Settings, keychain: impl Keychain + 'static) -> Result<Self, SettingsError> {
        let transport = Arc::new(Transport::new(&settings)?);
        let (keychains, unqualified) = (vec![Arc::new(keychain) as _], settings.unqualified.into());
        Ok(Self { transport, keychains, unqualified, shared: Arc::default() })
    }

    /// The same client, with more credentials: those of this keychain come before the ones that it has. A Tag's own
    /// namespace goes before the operator's in this way. Tokens are kept apart by credential.
    #[must_use]
    pub fn with_keychain(&self, keychain: impl Keychain + 'static) -> Self {
        let own: Arc<dyn Keychain> = Arc::new(keychain);
        let keychains = [own].into_iter().chain(self.keychains.iter().cloned()).collect();
        Self { keychains, ..self.clone() }
    }

    /// Lets this client and its clones reach one registry more, at a private address too and, where `plain` says so, in plain
    /// HTTP: for a registry that became known later than the settings. The one that was named before is let no more.
    pub fn also_reach(&self, registry: &Registry, plain: bool) {
        self.transport.also_reach(registry, plain);
    }

    /// The same client, with the credentials of this keychain in place of those that it has.
    #[must_use]
    pub fn with_only(&self, keychain: impl Keychain + 'static) -> Self {
        Self { keychains: vec![Arc::new(keychain)], ..self.clone() }
    }

    /// A repository to read from.
    pub(crate) fn reader(&self, registry: &Registry, repository: &Repository) -> Result<Remote, Fault> {
        let access = Access::pull(repository, gather(&self.keychains, repository, registry));
        Remote::new(self.transport.clone(), registry.clone(), repository.clone(), access)
    }

    /// A repository to write to.
    pub(crate) fn writer(&self, registry: &Registry, repository: &Repository) -> Result<Remote, Fault> {
        self.reader(registry, repository).map(|remote| remote.scoped(Scope::push(repository)))
    }

    /// Says what the reference points at now, having hashed it, unless `known` tells the media type of that digest.
    ///
    /// A tag costs one HEAD when its digest is known, and a GET by that digest as well when it is not. A reference with a
    /// digest is that digest, whatever its tag; when it is known, nothing is asked. A name without a registry is looked
    /// for in the unqualified registries in their order: one that has not got it, or does not let us see it, is passed
    /// over, and any other failure ends the search, so that an outage never brings in another registry's image.
    ///
    /// Ends within [`Limits::whole`](crate::Limits::whole), for each registry that is asked. May be dropped at any time.
    pub async fn resolve<K>(&self, reference: &Reference, known: K) -> Result<Resolved, Error>
    where
        K: Fn(&Digest) -> Option<String> + Send + Sync,
    {
        if let Some(registry) = reference.registry() {
            return self.resolve_at(registry, reference, &known, true).await;
        }
        let mut looked = Vec::new();
        for registry in self.unqualified.iter() {
            let placed = reference.at(registry);
            match self.resolve_at(registry, &placed, &known, self.unqualified.len() == 1).await {
                Err(Error::At { fault: fault @ (Fault::NotFound | Fault::Unauthorized { .. }), .. }) => {
                    looked.push((registry.clone(), fault));
                }
                other => return other,
            }
        }
        Err(Error::Nowhere { name: reference.clone(), looked })
    }

    async fn resolve_at<K>(
        &self,
        registry: &Registry,
        reference: &Reference,
        known: &K,
        sole: bool,
    ) -> Result<Resolved, Error>
    where
        K: Fn(&Digest) -> Option<String> + Send + Sync,
    {
        let deadline: Instant = self.transport.deadline();
        let access =
            Access::pull(reference.repository(), gather(&self.keychains, reference.repository(), registry));
        let lookup = Lookup { transport: &self.transport, registry, reference, access, known, deadline };
        let outcome = timeout_at(deadline, lookup.run(sole)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Fault::Timeout { host: registry.to_string() }));
        outcome.map_err(|fault| Error::At { reference: reference.clone(), fault })
    }
}
