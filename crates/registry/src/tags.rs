use std::sync::Arc;
use std::time::Duration;

use http::header::LINK;
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use tagger_core::reference::{Reference, TagName};
use url::Url;

use crate::client::Client;
use crate::error::Error;
use crate::fault::Fault;
use crate::pull::Manifest;
use crate::remote::{Remote, unexpected};
use crate::search::{Asked, Question};
use crate::transport::{Call, Origin, Read, Same, Scope, redirected};

/// The most tags of a repository that are taken.
const MAX_TAGS: usize = 100_000;
/// The most pages that a list may have.
pub(crate) const MAX_PAGES: usize = 1_000;
/// The most bytes of one page.
const MAX_PAGE: usize = 4 * 1024 * 1024;
/// How many entries of a list are asked for at a time.
const PAGE: usize = 1_000;
/// What a tag takes in memory beside its text, about.
const BESIDE_THE_TEXT: usize = 48;
/// How many times as long as for one request a registry may take for a whole list.
const LISTS_LONGER: u32 = 4;

impl Client {
    /// The tags of a reference's repository, in the registry's own order; none where there is no such repository.
    ///
    /// A list that does not end is an error, and so is one that goes on at another host. Names that are no tags are left out.
    pub async fn tags(&self, reference: &Reference) -> Result<Vec<TagName>, Error> {
        let told = |fault| Error::At { reference: reference.clone(), fault };
        let Some(registry) = reference.registry() else { return Err(told(Fault::NotFound)) };
        let remote = self.writer(registry, reference.repository()).map_err(told)?;
        let remote = remote.scoped(Scope::pull(reference.repository()));
        Ok(remote.tags(Duration::MAX, || {}).await.map_err(told)?.unwrap_or_default())
    }

    /// The tags of the repository of a reference, looked for where [`Client::resolve`] looks: at mirrors and other locations,
    /// and for a name without a registry in the unqualified ones. A repository that is not there is an error here.
    pub async fn list(&self, reference: &Reference) -> Result<Arc<[TagName]>, Error> {
        self.search(reference, &TagList).await
    }

    /// Gives the manifest that a reference names by digest another tag in its repository.
    pub async fn tag(&self, reference: &Reference, tag: &TagName) -> Result<(), Error> {
        let told = |fault| Error::At { reference: reference.clone(), fault };
        let (Some(registry), Some(digest)) = (reference.registry(), reference.digest()) else {
            return Err(told(Fault::NotFound));
        };
        let remote = self.writer(registry, reference.repository()).map_err(told)?;
        let manifest: Option<Manifest> = remote.manifest(digest).await.map_err(told)?;
        let manifest = manifest.ok_or_else(|| told(Fault::NotFound))?;
        remote.put(&manifest, tag.as_str()).await.map_err(told)
    }
}

/// The tags of a repository.
struct TagList;

impl Question for TagList {
    type Answer = Arc<[TagName]>;

    async fn ask(&self, Asked { remote, .. }: Asked<'_>) -> Result<Arc<[TagName]>, Fault> {
        // Many Tags may follow one repository, and its list is long.
        let key = Same::of(&remote.list_call(remote.url(&first_page())?), &remote.access);
        let key = key.ok_or(Fault::NotFound)?;
        let time = remote.transport.limits().whole * LISTS_LONGER;
        let (flight, _) = remote.transport.lists.next(key, |departure| {
            let remote = remote.clone();
            async move { Ok(remote.tags(time, || departure.leave()).await?.map(Into::into)) }
        });
        flight.await?.ok_or(Fault::NotFound)
    }
}

impl Remote {
    /// The tags of the repository; none where there is none. `time` is what the registry may take for all pages, and `asked` is
    /// told when it is asked for them.
    async fn tags(&self, time: Duration, asked: impl FnOnce()) -> Result<Option<Vec<TagName>>, Fault> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let budgets = &self.transport.budgets;
        let (_place, mut room) = (budgets.list(&self.origin).await, budgets.room());
        asked();
        let (mut tags, mut taken) = (Vec::new(), Duration::ZERO);
        // Only the first page can wait: were a later one put off, the next look would begin with the first one again.
        let (mut asking, later) = (self, self.urgent());
        let mut next = Some(self.url(&first_page())?);
        for _ in 0..MAX_PAGES {
            let Some(url) = next.take() else { return Ok(Some(tags)) };
            let answer = asking.call(&self.list_call(url.clone())).await?;
            asking = &later;
            match answer.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                _ => return Err(unexpected(&answer)),
            }
            let page: Page = serde_json::from_slice(&answer.body).map_err(|_| Fault::ListInvalid)?;
            let before = tags.len();
            tags.extend(page.tags.unwrap_or_default().iter().filter_map(|tag| tag.parse::<TagName>().ok()));
            if tags.len() > MAX_TAGS {
                break;
            }
            next = self.next_page(&url, &answer.headers)?;
            taken += answer.took;
            if next.is_some() && taken > time {
                return Err(Fault::Timeout { host: self.origin.to_string() });
            }
            let bytes = tags[before..].iter().map(|tag| tag.as_str().len() + BESIDE_THE_TEXT).sum();
            if next.is_some() && !room.take(bytes) {
                // The lists of others fill it, which says nothing of this registry.
                return Err(Fault::Deferred { left: self.transport.limits().patience });
            }
        }
        Err(Fault::TooMuch { what: "tags", limit: MAX_TAGS })
    }

    fn list_call(&self, page: Url) -> Call {
        Call { read: Read::Whole(MAX_PAGE), ..Call::new(Method::GET, page) }
    }

    /// Where a list goes on at this registry.
    pub(crate) fn next_page(&self, page: &Url, headers: &HeaderMap) -> Result<Option<Url>, Fault> {
        next_page(&self.origin, page, headers)
    }
}

/// Where a list goes on (RFC 8288): at the same registry, or nowhere.
pub(crate) fn next_page(registry: &Origin, page: &Url, headers: &HeaderMap) -> Result<Option<Url>, Fault> {
    let links = headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok());
    let Some(target) = links.flat_map(next_target).next() else { return Ok(None) };
    let next = redirected(page, Some(target)).map_err(Fault::RedirectRefused)?;
    match Origin::of(&next).as_ref() == Some(registry) {
        true => Ok(Some(next)),
        false => Err(Fault::ListInvalid),
    }
}

fn first_page() -> String {
    format!("tags/list?n={PAGE}")
}

/// The target of the link to the next page, of one header that may hold several links.
fn next_target(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, parameters) = behind.split_once('>')?;
        let (own, others) = parameters.split_once(",").unwrap_or((parameters, ""));
        let next = own.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        });
        if next {
            return Some(target);
        }
        rest = others;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(r#"</v2/a/tags/list?last=b&n=2>; rel="next""#, Some("/v2/a/tags/list?last=b&n=2"))]
    #[case(r#"</x>; rel="first", </y>; rel=next"#, Some("/y"))]
    #[case(r#"</x>; REL="Next""#, Some("/x"))]
    #[case(r#"</x>; rel="last""#, None)]
    #[case("</x", None)]
    #[case("", None)]
    fn the_next_page_is_found_among_links(#[case] header: &str, #[case] target: Option<&str>) {
        assert_eq!(next_target(header), target);
    }
}
