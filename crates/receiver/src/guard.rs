//! Whether a request is let in. As much as can be is decided before its body is read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::provider::{Entrance, Provider, Signature};
use crate::secrets::{Door, Identity, Shared};

/// A header for senders that may set any but `Authorization`.
pub const TOKEN: &str = "x-tagger-token";

/// What is left to see about a request.
#[derive(Debug)]
pub enum Admission<'a> {
    /// It can't be said yet.
    NotYet,
    /// There is nothing at this path.
    Nowhere,
    /// It is refused.
    Refused,
    /// It is let in.
    Granted,
    /// It is let in if its body has this signature.
    IfSigned(Signed<'a>),
    /// It is let in if this token is Google's, and made out to one of these.
    IfIdentified {
        /// The token.
        token: &'a str,
        /// Who may come.
        identities: &'a [Identity],
    },
}

/// A signature that was sent, and the secrets that it may have been made with.
#[derive(Debug)]
pub struct Signed<'a> {
    signature: Vec<u8>,
    form: Signature,
    known: &'a [Shared],
}

impl Signed<'_> {
    /// Whether the body is what was signed.
    pub fn is_of(&self, body: &[u8]) -> bool {
        Shared::any_signed(self.known, self.form.hash, body, &self.signature)
    }
}

/// What is to be seen from the path and the headers. `in_path` is what follows the provider's name in the path.
pub fn look<'a>(
    provider: Provider,
    door: Door<'a>,
    in_path: Option<&str>,
    headers: &'a HeaderMap,
) -> Admission<'a> {
    let is_by_path = provider.entrance() == Entrance::Path;
    match (door, in_path) {
        (Door::Unknown, _) => Admission::NotYet,
        (Door::Closed, _) => Admission::Nowhere,
        // What follows the name is of no account where nothing is asked for.
        (Door::Open, None) => Admission::Granted,
        (Door::Open, Some(_)) if is_by_path => Admission::Granted,
        (Door::Secret(known), Some(path)) if is_by_path => granted(Shared::any_is(known, &[path])),
        (Door::Secret(_), None) if is_by_path => Admission::Refused,
        (_, Some(_)) => Admission::Nowhere,
        (Door::Secret(known), None) => match provider.entrance() {
            Entrance::Signature(form) => match signature(headers, form) {
                Some(signature) => Admission::IfSigned(Signed { signature, form, known }),
                None => Admission::Refused,
            },
            _ => granted(Shared::any_is(known, &presented(headers))),
        },
        (Door::Identity(identities), None) => match bearer(headers) {
            Some(token) => Admission::IfIdentified { token, identities },
            None => Admission::Refused,
        },
    }
}

fn granted<'a>(is_granted: bool) -> Admission<'a> {
    if is_granted { Admission::Granted } else { Admission::Refused }
}

/// All that may be the secret: the whole of `Authorization`, the token or the password in it, and the header of our own.
fn presented(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let mut presented = Vec::new();
    if let Some(value) = headers.get(AUTHORIZATION) {
        presented.push(value.as_bytes().to_vec());
        presented.extend(bearer(headers).map(|token| token.as_bytes().to_vec()));
        presented.extend(password(headers));
    }
    presented.extend(headers.get(TOKEN).map(|value| value.as_bytes().to_vec()));
    presented
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

fn password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let pair = STANDARD.decode(credentials(headers, "basic")?).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

fn signature(headers: &HeaderMap, form: Signature) -> Option<Vec<u8>> {
    hex(headers.get(form.header)?.to_str().ok()?.strip_prefix(form.prefix)?.trim())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(nibble(*pair.first()?)? << 4 | nibble(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;
    use rstest::rstest;

    const SECRET: &str = "0123456789abcdef-secret";

    fn verdict(
        provider: Provider,
        in_path: Option<&str>,
        header: Option<(&'static str, &str)>,
    ) -> &'static str {
        let (secrets, _) = Secrets::read([(provider.name(), SECRET.as_bytes())]);
        let headers = header.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        match look(provider, secrets.door(provider, false), in_path, &headers.collect()) {
            Admission::NotYet => "not yet",
            Admission::Nowhere => "nowhere",
            Admission::Refused => "refused",
            Admission::Granted => "granted",
            Admission::IfSigned(signed) if signed.is_of(b"body") => "signed",
            Admission::IfSigned(_) => "not signed",
            Admission::IfIdentified { .. } => "identified",
        }
    }

    #[rstest]
    #[case(Some(SECRET), "granted")]
    #[case(Some("0123456789abcdef-secrex"), "refused")]
    #[case(Some("0123456789abcdef"), "refused")]
    #[case(Some("0123456789abcdef-secret-and-more"), "refused")]
    #[case(Some(""), "refused")]
    #[case(None, "refused")]
    fn a_path_has_to_be_right(#[case] path: Option<&str>, #[case] expected: &str) {
        for provider in [Provider::DockerHub, Provider::Quay, Provider::EventGrid] {
            assert_eq!(verdict(provider, path, Some(("authorization", SECRET))), expected);
        }
    }

    #[rstest]
    #[case::the_value_alone("authorization", SECRET, "granted")]
    #[case::bearer("authorization", "Bearer 0123456789abcdef-secret", "granted")]
    #[case::in_small_letters("authorization", "bearer 0123456789abcdef-secret", "granted")]
    #[case::basic("authorization", "Basic dGFnZ2VyOjAxMjM0NTY3ODlhYmNkZWYtc2VjcmV0", "granted")]
    #[case::our_own_header("x-tagger-token", SECRET, "granted")]
    #[case::wrong("authorization", "Bearer 0123456789abcdef-secrex", "refused")]
    #[case::a_user_for_a_password("authorization", "Basic MDEyMzQ1Njc4OWFiY2RlZi1zZWNyZXQ6", "refused")]
    #[case::no_base64("authorization", "Basic §", "refused")]
    #[case::empty("authorization", "", "refused")]
    #[case::elsewhere("x-token", SECRET, "refused")]
    fn a_header_has_to_be_right(#[case] name: &'static str, #[case] value: &str, #[case] expected: &str) {
        use Provider::{Amazon, Azure, CloudEvents, Distribution, GitLab, Harbor, Zot};
        for provider in [Amazon, Azure, CloudEvents, Distribution, GitLab, Harbor, Zot] {
            assert_eq!(verdict(provider, None, Some((name, value))), expected);
        }
    }

    // By `openssl dgst -hmac`.
    #[rstest]
    #[case(Provider::GitHub, "x-hub-signature-256", "sha256=SHA256", "signed")]
    #[case(Provider::GitHub, "x-hub-signature-256", "SHA256", "refused")]
    #[case(Provider::GitHub, "x-hub-signature", "sha1=SHA1", "refused")]
    #[case(Provider::GitHub, "x-hub-signature-256", "sha256=SHA1", "not signed")]
    #[case(Provider::GitHub, "x-hub-signature-256", "sha256=", "not signed")]
    #[case(Provider::GitHub, "x-hub-signature-256", "sha256=0", "refused")]
    #[case(Provider::JFrog, "x-jfrog-event-auth", "SHA256", "signed")]
    #[case(Provider::JFrog, "x-jfrog-event-auth", SECRET, "refused")]
    #[case(Provider::Nexus, "x-nexus-webhook-signature", "SHA1", "signed")]
    #[case(Provider::Nexus, "x-nexus-webhook-signature", "SHA256", "not signed")]
    fn a_signature_has_to_be_right(
        #[case] provider: Provider,
        #[case] name: &'static str,
        #[case] value: &str,
        #[case] expected: &str,
    ) {
        let value = value
            .replace("SHA256", "0e4da9258def11e54799e848d1e46a0e1bdf9f241dc28c2f7754f4e08feebbaf")
            .replace("SHA1", "51c0d8dfc34affcfb2a5137d16d9289cbe1b5002");
        assert_eq!(verdict(provider, None, Some((name, &value))), expected);
        assert_eq!(verdict(provider, None, None), "refused");
    }

    #[test]
    fn a_secret_in_the_path_is_of_no_use_where_a_header_is_asked_for() {
        assert_eq!(verdict(Provider::GitHub, Some(SECRET), None), "nowhere");
        assert_eq!(verdict(Provider::Zot, Some(SECRET), Some(("authorization", SECRET))), "nowhere");
    }
}
