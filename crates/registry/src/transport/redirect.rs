use url::Url;

use super::origin::Origin;

/// The most redirects that one request follows.
pub(crate) const MAX_REDIRECTS: usize = 5;

/// Says why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectProblem {
    /// There is no `Location`, or it leads to no http(s) URL.
    #[error("it leads to no http(s) URL")]
    NotAUrl,
    /// The target bears a user name or a password.
    #[error("its target bears a user name")]
    UserInfo,
    /// The target is plain HTTP where the source was not.
    #[error("it leads from https to plain http")]
    Downgrade,
    /// There was one redirect after the other.
    #[error("more than 5 of them follow one another")]
    TooMany,
}

/// Says where a redirect leads, or why it must not be followed.
pub(crate) fn follow(from: &Url, location: Option<&str>) -> Result<Url, RedirectProblem> {
    let mut to = location.and_then(|to| from.join(to).ok()).ok_or(RedirectProblem::NotAUrl)?;
    let origin = Origin::of(&to).ok_or(RedirectProblem::NotAUrl)?;
    if !to.username().is_empty() || to.password().is_some() {
        return Err(RedirectProblem::UserInfo);
    }
    if origin.is_plain() && from.scheme() == "https" {
        return Err(RedirectProblem::Downgrade);
    }
    to.set_fragment(None);
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://a.io/v2/x", "/v2/y", Ok("https://a.io/v2/y"))]
    #[case("https://a.io/v2/x", "//b.io/y", Ok("https://b.io/y"))]
    #[case("https://a.io/v2/x", "https://b.io/y?sig=1", Ok("https://b.io/y?sig=1"))]
    #[case("https://a.io/v2/x", "http://a.io/y", Err(RedirectProblem::Downgrade))]
    #[case("http://a.io/v2/x", "https://a.io/y", Ok("https://a.io/y"))]
    #[case("http://a.io/v2/x", "http://b.io/y", Ok("http://b.io/y"))]
    #[case("https://a.io/v2/x", "https://u:p@b.io/y", Err(RedirectProblem::UserInfo))]
    #[case("https://a.io/v2/x", "ftp://b.io/y", Err(RedirectProblem::NotAUrl))]
    #[case("https://a.io/v2/x", "data:text/plain,x", Err(RedirectProblem::NotAUrl))]
    fn a_redirect_is_followed_or_refused(
        #[case] from: &str,
        #[case] location: &str,
        #[case] verdict: Result<&str, RedirectProblem>,
    ) {
        let to = follow(&from.parse().unwrap(), Some(location));
        assert_eq!(to.map(String::from), verdict.map(String::from));
    }

    #[test]
    fn a_redirect_to_nowhere_is_refused() {
        assert_eq!(follow(&"https://a.io/".parse().unwrap(), None), Err(RedirectProblem::NotAUrl));
    }
}
