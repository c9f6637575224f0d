//! Who stands behind a proxy.

use std::sync::Arc;

use anyhow::Result;
use http::Request;

use super::answer::{Answer, Body};
use super::forward::forward;
use super::shelf::Shelf;
use crate::target::{Credentials, Target};

/// Whose answers a proxy gives where nothing is to go wrong.
pub(crate) enum Upstream {
    /// A registry's, or an API server's.
    Registry(Target),
    /// Nobody's: they are made from memory.
    Memory(Arc<Shelf>),
}

impl Upstream {
    /// The credentials that let one in.
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::Registry(target) => target.credentials(),
            Self::Memory(_) => None,
        }
    }

    /// Answers a request; `is_ours` says that its credentials were for the proxy and not for who stands behind.
    pub(super) async fn answer(
        &self,
        address: &str,
        request: Request<Body>,
        is_ours: bool,
    ) -> Result<Answer> {
        match self {
            Self::Registry(target) => forward(target, address, request, is_ours).await,
            Self::Memory(shelf) => shelf.answer(&request),
        }
    }
}
