use std::sync::Arc;

use tagger_core::reference::{Digest, Reference, Registry, Repository};

use crate::copy::Shared;
use crate::error::Error;
use crate::fault::Fault;
use crate::keychain::Keychain;
use crate::registries_conf::{Place, RegistriesConf};
use crate::remote::Remote;
use crate::resolve::{Lookup, Pointer, Resolved, gather};
use crate::settings::{Settings, SettingsError};
use crate::transport::{Access, Scope, Transport, Urgency};

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
    pub(crate) transport: Arc<Transport>,
    keychains: Vec<Arc<dyn Keychain>>,
    pub(crate) unqualified: Arc<[Registry]>,
    pub(crate) shared: Arc<Shared>,
    registries: Arc<RegistriesConf>,
    urgency: Urgency,
}

impl Client {
    /// A client that does what these settings say. Settings that can't be honoured are an error.
    pub fn new(settings: Settings, keychain: impl Keychain + 'static) -> Result<Self, SettingsError> {
        let transport = Arc::new(Transport::new(&settings)?);
        Ok(Self {
            transport,
            keychains: vec![Arc::new(keychain)],
            unqualified: settings.unqualified.into(),
            registries: Arc::new(settings.registries),
            shared: Arc::default(),
            urgency: Urgency::Urgent,
        })
    }

    /// The same client, with more credentials: those of this keychain come before the ones that it has. A Tag's own
    /// namespace goes before the operator's in this way. Tokens are kept apart by credential.
    #[must_use]
    pub fn with_keychain(&self, keychain: impl Keychain + 'static) -> Self {
        let own: Arc<dyn Keychain> = Arc::new(keychain);
        let keychains = [own].into_iter().chain(self.keychains.iter().cloned()).collect();
        Self { keychains, ..self.clone() }
    }

    /// The same client, with the credentials of this keychain in place of those that it has.
    #[must_use]
    pub fn with_only(&self, keychain: impl Keychain + 'static) -> Self {
        Self { keychains: vec![Arc::new(keychain)], ..self.clone() }
    }

    /// The same client, for work that can wait: what it begins with yields to all other requests, and leaves a good part of each
    /// registry's budget and of an account's limit alone. Polls go this way, so that nothing that somebody waits for comes after
    /// them. What follows at a place, a new image or the further pages of a list, waits no more.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self { urgency: Urgency::Patient, ..self.clone() }
    }

    /// Has what this client and its clones ask of registries counted there.
    pub fn register(&self, metrics: &mut prometheus_client::registry::Registry) {
        self.transport.register(metrics);
    }

    /// Registers every metric of a client with one sample of each word that a label may have: what the reference page is made from.
    pub fn specimen(metrics: &mut prometheus_client::registry::Registry) {
        crate::transport::specimen(metrics);
    }

    /// Lets this client and its clones reach one registry more, at a private address too and, where `plain` says so, in plain
    /// HTTP: for a registry that became known later than the settings. The one that was named before is let no more.
    pub fn also_reach(&self, registry: &Registry, plain: bool) {
        self.transport.also_reach(registry, plain);
    }

    /// A repository to read from.
    pub(crate) fn reader(&self, place: &Place) -> Result<Remote, Fault> {
        let credentials = gather(&self.keychains, &place.registry, &place.repository);
        let access = Access::pull(&place.repository, credentials, self.urgency);
        Remote::new(self.transport.clone(), place, access)
    }

    /// The repository of a name, to be changed: itself, and no mirror of it.
    pub(crate) fn writer(&self, registry: &Registry, repository: &Repository) -> Result<Remote, Fault> {
        let (registry, repository) = (registry.clone(), repository.clone());
        let is_it = |place: &Place| (&place.registry, &place.repository) == (&registry, &repository);
        let places = self.registries.places(&registry, &repository)?;
        let insecure = places.iter().any(|place| is_it(place) && place.insecure);
        let insecure = insecure || self.transport.is_insecure(&registry);
        let scope = Scope::push(&repository);
        self.reader(&Place { registry, repository, insecure }).map(|remote| remote.scoped(scope))
    }

    /// Says what the reference points at now, having hashed it, unless `known` tells the media type of that digest.
    ///
    /// A tag costs one HEAD when its digest is known, and a GET by that digest as well when it is not. A reference with a
    /// digest is that digest, whatever its tag; when it is known, nothing is asked. A name without a registry is looked
    /// for in the unqualified registries in their order: one that has not got it, or does not let us see it, or is blocked,
    /// is passed over, and any other failure ends the search, so that an outage never brings in another registry's image.
    ///
    /// A registry's mirrors are asked before it, by [`Settings::registries`]. One that fails, in any way, is passed over; what
    /// the location itself says counts. One that we put off ([`Fault::Deferred`]) ends the search. The answer names the image as
    /// it was asked for, wherever it was read.
    ///
    /// Each request has [`Limits::whole`](crate::Limits::whole) from when it is made. A place that we don't come to ask in ten times
    /// that ends it as [`Fault::Deferred`]. May be dropped at any time.
    pub async fn resolve<K>(&self, reference: &Reference, known: K) -> Result<Resolved, Error>
    where
        K: Fn(&Digest) -> Option<String> + Send + Sync,
    {
        self.search(reference, &Lookup { known }).await
    }

    /// The digest that the reference points at now, by the registry's word: one HEAD, and nothing is read where that tells it.
    /// Good enough to see whether anything moved. Looked for where [`Client::resolve`] looks.
    pub async fn digest(&self, reference: &Reference) -> Result<Digest, Error> {
        self.search(reference, &Pointer).await
    }

    /// Every name under which something may be pushed that the reference then points at: its own, or those in the unqualified
    /// registries, and where [`Settings::registries`] has them read.
    pub fn whereabouts(&self, reference: &Reference) -> Vec<(Registry, Repository)> {
        let mut names: Vec<(Registry, Repository)> = Vec::new();
        for placed in self.candidates(reference) {
            let own = placed.registry().map(|registry| (registry.clone(), placed.repository().clone()));
            // One that is blocked is read nowhere.
            let places = self.places(&placed).unwrap_or_default();
            let places = places.into_iter().map(|place| (place.registry, place.repository));
            for name in own.into_iter().chain(places) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The reference as it may be meant: itself, or, where it has no registry, in each of those where it is looked for.
    pub(crate) fn candidates(&self, reference: &Reference) -> Vec<Reference> {
        match reference.registry() {
            Some(_) => vec![reference.clone()],
            None => self.unqualified.iter().map(|registry| reference.at(registry)).collect(),
        }
    }

    /// Where a reference with a registry is read, in the order in which the places are tried; none for one without.
    pub(crate) fn places(&self, reference: &Reference) -> Result<Vec<Place>, Fault> {
        let Some(registry) = reference.registry() else { return Ok(Vec::new()) };
        let mut places = self.registries.places(registry, reference.repository())?;
        for place in &mut places {
            place.insecure |= self.transport.is_insecure(&place.registry);
        }
        Ok(places)
    }
}
