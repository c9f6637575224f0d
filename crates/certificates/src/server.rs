//! What the API server is able to do, by its version.

use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;

/// The first version whose webhooks have `matchConditions` unless told otherwise.
const CONDITIONS_SINCE: (u32, u32) = (1, 28);

/// Whether the API server narrows down by `matchConditions` what it asks a webhook about.
pub async fn knows_match_conditions(client: &Client) -> Result<bool, kube::Error> {
    client.apiserver_version().await.map(|info| has_match_conditions(&info))
}

/// Whether a server of this version knows `matchConditions`. One whose version can't be read is held for an old one.
pub fn has_match_conditions(info: &Info) -> bool {
    version(info).is_some_and(|version| version >= CONDITIONS_SINCE)
}

/// The version; some providers write a `+` or more behind the minor one.
fn version(info: &Info) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        text.get(..digits)?.parse().ok()
    };
    Some((number(&info.major)?, number(&info.minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("1", "20", false)]
    #[case("1", "27+", false)]
    #[case("1", "28", true)]
    #[case("1", "33+", true)]
    #[case("2", "0", true)]
    #[case("", "", false)]
    fn the_version_decides(#[case] major: &str, #[case] minor: &str, #[case] known: bool) {
        let info = Info { major: major.into(), minor: minor.into(), ..Info::default() };
        assert_eq!(has_match_conditions(&info), known);
    }
}
