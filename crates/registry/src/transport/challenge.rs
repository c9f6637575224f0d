//! Reads `WWW-Authenticate` (RFC 9110, 11.6.1). Strict: a header that breaks the grammar is worth nothing.

/// The most bytes that one header may have.
const MAX_LENGTH: usize = 8 * 1024;
/// The most challenges in a header, and the most parameters in a challenge.
const MAX_ITEMS: usize = 16;

/// How a registry wants to be shown a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// Chooses among the challenges of a 401: Bearer before Basic, and nothing that is not understood.
pub(crate) fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Scheme> {
    let challenges: Vec<_> = headers.into_iter().filter_map(parse).flatten().take(MAX_ITEMS).collect();
    let bearer = challenges.iter().filter(|challenge| challenge.is("bearer")).find_map(|challenge| {
        let realm = challenge.parameter("realm").filter(|realm| !realm.is_empty())?.to_owned();
        Some(Scheme::Bearer { realm, service: challenge.parameter("service").map(str::to_owned) })
    });
    bearer.or_else(|| challenges.iter().any(|challenge| challenge.is("basic")).then_some(Scheme::Basic))
}

#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            // Two of them: whoever reads the other one would disagree with us.
            _ => None,
        }
    }
}

fn parse(header: &str) -> Option<Vec<Challenge>> {
    let mut rest = header.trim_matches(SPACE);
    let mut challenges: Vec<Challenge> = Vec::new();
    if header.len() > MAX_LENGTH {
        return None;
    }
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(',') {
            rest = behind.trim_start_matches(SPACE);
            continue;
        }
        let (word, behind) = token(rest)?;
        if let Some(value) = behind.trim_start_matches(SPACE).strip_prefix('=') {
            let (value, behind) = value_of(value.trim_start_matches(SPACE))?;
            let parameters = &mut challenges.last_mut()?.parameters;
            parameters.push((word.to_owned(), value));
            rest = element_end(behind)?;
            if parameters.len() > MAX_ITEMS {
                return None;
            }
        } else {
            challenges.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
            rest = match behind.strip_prefix(SPACE) {
                Some(behind) => skip_token68(behind.trim_start_matches(SPACE)),
                None => element_end(behind)?,
            };
            if challenges.len() > MAX_ITEMS {
                return None;
            }
        }
    }
    Some(challenges)
}

const SPACE: [char; 2] = [' ', '\t'];

fn token(text: &str) -> Option<(&str, &str)> {
    let word = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !word(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(value, rest)| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            control if control.is_control() => return None,
            plain => value.push(plain),
        }
    }
    None
}

/// Behind an element there is a comma or nothing.
fn element_end(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(SPACE);
    (rest.is_empty() || rest.starts_with(',')).then_some(rest)
}

/// A blob in base64 may stand where the parameters would; no scheme of ours has one.
fn skip_token68(text: &str) -> &str {
    let end = text.find(',').unwrap_or(text.len());
    let blob = text[..end].trim_end_matches(SPACE);
    let base = blob.trim_end_matches('=');
    let padded = base.len() < blob.len() || end == text.len();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    match !base.is_empty() && padded && base.chars().all(plain) {
        true => &text[end..],
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn bearer(realm: &str, service: Option<&str>) -> Option<Scheme> {
        Some(Scheme::Bearer { realm: realm.into(), service: service.map(Into::into) })
    }

    #[rstest]
    #[case(
        r#"Bearer realm="https://a.io/t",service="a.io",scope="repository:x:pull""#,
        bearer("https://a.io/t", Some("a.io"))
    )]
    #[case(r#"bearer REALM="https://a.io/t""#, bearer("https://a.io/t", None))]
    #[case(r#"Bearer realm="https://a.io/t" , service=a.io"#, bearer("https://a.io/t", Some("a.io")))]
    #[case(r#"Bearer realm = "https://a.io/t""#, bearer("https://a.io/t", None))]
    #[case(r#"Basic realm="x", Bearer realm="https://a.io/t""#, bearer("https://a.io/t", None))]
    #[case(r#"Bearer realm="https://a.io/t?a=1,2", Basic realm="x""#, bearer("https://a.io/t?a=1,2", None))]
    #[case(r#"Bearer realm="a\"b""#, bearer("a\"b", None))]
    #[case(r#"Negotiate YWJj==, Basic realm="x""#, Some(Scheme::Basic))]
    #[case("Negotiate YWJj", None)]
    #[case("BASIC", Some(Scheme::Basic))]
    #[case("Basic realm=x", Some(Scheme::Basic))]
    #[case(r#",, Basic realm="x" ,"#, Some(Scheme::Basic))]
    #[case("Bearer", None)]
    #[case(r#"Bearer realm="""#, None)]
    #[case(r#"Bearer realm="a", realm="b""#, None)]
    #[case(r#"Bearer realm="unended"#, None)]
    #[case("Bearer realm=\"a\nb\"", None)]
    #[case(r#"realm="x""#, None)]
    #[case(r#"Bearer realm="a" service="b""#, None)]
    #[case("Digest realm=\"x\"", None)]
    #[case("", None)]
    fn a_challenge_is_read_or_refused(#[case] header: &str, #[case] scheme: Option<Scheme>) {
        assert_eq!(choose([header]), scheme, "{header}");
    }

    #[test]
    fn challenges_come_in_several_headers_too() {
        assert_eq!(
            choose(["Basic realm=\"x\"", "Bearer realm=\"https://a.io\""]),
            bearer("https://a.io", None)
        );
    }

    #[test]
    fn an_endless_challenge_is_refused() {
        assert_eq!(choose([format!("Basic realm=\"{}\"", "x".repeat(9000)).as_str()]), None);
        assert_eq!(choose([format!("Basic {}", "a=b,".repeat(100)).as_str()]), None);
        assert_eq!(choose(["Basic,".repeat(100).as_str()]), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}|[Bbearsic =\",\\\\a]{0,80}") {
            let _ = choose([text.as_str()]);
        }
    }
}
