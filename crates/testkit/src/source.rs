//! A registry that gives images from memory: a source that costs next to nothing, and that moves tags when told.
//!
//! It takes nothing in. Measure with it how fast others fetch, and start many of them where thousands of Tags follow
//! many registries. What goes wrong with it, and what it was asked, is its [`proxy`](Source::proxy)'s business.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use tagger_testkit::image::Image;
//! use tagger_testkit::proxy::{Fault, Kind, Match};
//! use tagger_testkit::source::Source;
//!
//! let source = Source::start(&[(Image::single(1).build()?, "company/app".into(), "latest".into())]).await?;
//! source.put(&Image::single(2).build()?, "company/app", "latest");
//! source.proxy().fault(Match::any(), Fault::status(429).header("Retry-After", "5"));
//! assert_eq!(source.proxy().count("HEAD", Kind::Manifest), 0);
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use anyhow::Result;

use crate::manifest::Manifest;
use crate::proxy::{Proxy, Shelf, Upstream};

/// A running source, on plain HTTP. It ends when it is dropped.
pub struct Source {
    shelf: Arc<Shelf>,
    proxy: Proxy,
}

impl Source {
    /// Starts a source of these manifests, each in its repository and under its tag.
    pub async fn start(manifests: &[(Manifest, String, String)]) -> Result<Self> {
        let shelf = Arc::new(Shelf::default());
        for (manifest, repository, tag) in manifests {
            shelf.put(manifest, repository, tag);
        }
        let proxy = Proxy::before(Upstream::Memory(Arc::clone(&shelf))).await?;
        Ok(Self { shelf, proxy })
    }

    /// Makes a tag point to this manifest, wherever it pointed before; what was there stays, by its digest.
    pub fn put(&self, manifest: &Manifest, repository: &str, tag: &str) {
        self.shelf.put(manifest, repository, tag);
    }

    /// The source's host and port, as image references begin.
    pub fn address(&self) -> String {
        self.proxy.address().to_owned()
    }

    /// What stands before the source: it records each request, breaks what it is told to, gives lists of tags by pages,
    /// and stops and starts listening.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }
}
