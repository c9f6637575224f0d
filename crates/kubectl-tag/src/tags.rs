//! Finding Tags.

use kube::ResourceExt;
use kube::api::ListParams;
use tagger_api::Tag;

use crate::arguments::Selection;
use crate::problem::Problem;
use crate::session::{Cluster, Session};

/// How many Tags are read at once.
const PAGE: u32 = 500;
/// How alike two names must be for one to be offered in place of the other, from 0 to 1.
const ALIKE: f64 = 0.7;
/// How many names are offered.
const OFFERED: usize = 3;

/// The Tag with this name. One that is not there is an error that offers the names that are.
pub(crate) async fn find(cluster: &Cluster, name: &str) -> Result<Tag, Problem> {
    find_in(cluster, &cluster.namespace, name).await
}

/// The Tag with this name in a namespace.
pub(crate) async fn find_in(cluster: &Cluster, namespace: &str, name: &str) -> Result<Tag, Problem> {
    let found = cluster.tags(namespace).get_opt(name).await;
    match found.map_err(|error| cluster.told("get tags", Some(namespace), error))? {
        Some(tag) => Ok(tag),
        None => {
            let there = list(cluster, Some(namespace), None).await?;
            let names: Vec<String> = there.iter().map(ResourceExt::name_any).collect();
            Err(Problem::NoTag {
                name: name.to_owned(),
                namespace: namespace.to_owned(),
                near: near(name, &names),
                any: !names.is_empty(),
            })
        }
    }
}

/// The Tags that a command is about, by namespace and name.
pub(crate) async fn selected(session: &Session, selection: &Selection) -> Result<Vec<Tag>, Problem> {
    let cluster = session.cluster().await?;
    if selection.names.is_empty() {
        let namespace = (!selection.all_namespaces).then_some(cluster.namespace.as_str());
        return list(cluster, namespace, selection.selector.as_deref()).await;
    }
    let mut tags = Vec::new();
    for name in &selection.names {
        tags.push(find(cluster, name).await?);
    }
    Ok(tags)
}

/// The Tags of a namespace, or of all, by namespace and name.
pub(crate) async fn list(
    cluster: &Cluster,
    namespace: Option<&str>,
    selector: Option<&str>,
) -> Result<Vec<Tag>, Problem> {
    let api = namespace.map_or_else(|| cluster.all_tags(), |namespace| cluster.tags(namespace));
    let mut page =
        ListParams { label_selector: selector.map(str::to_owned), ..ListParams::default() }.limit(PAGE);
    let mut tags = Vec::new();
    loop {
        let list = api.list(&page).await.map_err(|error| cluster.told("list tags", namespace, error))?;
        tags.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    tags.sort_by_key(|tag| (tag.namespace(), tag.name_any()));
    Ok(tags)
}

/// The names that somebody may have meant, the most alike first.
pub(crate) fn near(name: &str, names: &[String]) -> Vec<String> {
    let mut alike: Vec<(f64, &String)> = names
        .iter()
        .map(|known| {
            let contained = known.contains(name) || name.contains(known.as_str());
            (strsim::jaro_winkler(name, known).max(if contained { 0.9 } else { 0.0 }), known)
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    alike.into_iter().take(OFFERED).map(|(_, known)| known.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("myap", &["myapp", "myapp-devel"])]
    #[case("myapp-devl", &["myapp-devel", "myapp"])]
    #[case("devel", &["myapp-devel"])]
    #[case("zzz", &[])]
    fn near_names_are_offered(#[case] meant: &str, #[case] offered: &[&str]) {
        let names = ["myapp", "myapp-devel", "web"].map(str::to_owned);
        assert_eq!(near(meant, &names), offered);
    }
}
