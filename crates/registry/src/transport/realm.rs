use url::Url;

use super::origin::Origin;

/// Says why a registry's token realm is not asked for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmProblem {
    /// The realm is no URL with a host.
    #[error("it is no http(s) URL")]
    NotAUrl,
    /// The realm bears a user name or a password.
    #[error("it bears a user name")]
    UserInfo,
    /// The realm is plain HTTP on another host than the registry's own.
    #[error(
        "it is plain HTTP, which is taken only at the registry's own host and port when that is marked insecure"
    )]
    PlainHttp,
    /// The realm answered with a redirect.
    #[error("it answers with a redirect, which token requests do not follow")]
    Redirects,
}

/// Says where tokens are asked for: at `https`, or at the registry's own host and port (CVE-2020-15157).
///
/// A registry speaks plain HTTP only when the administrator marked it insecure, so an origin that is equal to its own is
/// one that was allowed.
pub(crate) fn judge(realm: &str, registry: &Origin) -> Result<Url, RealmProblem> {
    let mut url = Url::parse(realm).map_err(|_| RealmProblem::NotAUrl)?;
    let origin = Origin::of(&url).ok_or(RealmProblem::NotAUrl)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RealmProblem::UserInfo);
    }
    if origin.is_plain() && origin != *registry {
        return Err(RealmProblem::PlainHttp);
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://auth.a.io/token", "https://a.io/", Ok("https://auth.a.io/token"))]
    #[case("https://a.io/token?x=1#frag", "https://a.io/", Ok("https://a.io/token?x=1"))]
    #[case("https://auth.a.io/token", "http://a.io:5000/", Ok("https://auth.a.io/token"))]
    #[case("http://a.io:5000/token", "http://a.io:5000/", Ok("http://a.io:5000/token"))]
    #[case("http://a.io:5001/token", "http://a.io:5000/", Err(RealmProblem::PlainHttp))]
    #[case("http://b.io:5000/token", "http://a.io:5000/", Err(RealmProblem::PlainHttp))]
    #[case("http://a.io/token", "https://a.io/", Err(RealmProblem::PlainHttp))]
    #[case("http://a.io:443/token", "https://a.io/", Err(RealmProblem::PlainHttp))]
    #[case("https://user@auth.a.io/token", "https://a.io/", Err(RealmProblem::UserInfo))]
    #[case("https://a.io:pw@evil.io/token", "https://a.io/", Err(RealmProblem::UserInfo))]
    #[case("file:///etc/passwd", "https://a.io/", Err(RealmProblem::NotAUrl))]
    #[case("gopher://a.io/", "https://a.io/", Err(RealmProblem::NotAUrl))]
    #[case("/token", "https://a.io/", Err(RealmProblem::NotAUrl))]
    #[case("registry", "https://a.io/", Err(RealmProblem::NotAUrl))]
    fn a_realm_is_https_or_the_registry_itself(
        #[case] realm: &str,
        #[case] registry: &str,
        #[case] verdict: Result<&str, RealmProblem>,
    ) {
        let registry = Origin::of(&registry.parse().unwrap()).unwrap();
        assert_eq!(judge(realm, &registry).map(String::from), verdict.map(String::from));
    }
}
