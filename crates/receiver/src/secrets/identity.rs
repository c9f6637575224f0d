/// Who sends with a token of Google's, and to whom the token must be made out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The e-mail address of the service account.
    pub email: String,
    /// The audience.
    pub audience: String,
}

impl Identity {
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
        let (email, audience) = (words.next()?, words.next()?);
        let is_email = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        (is_email && words.next().is_none())
            .then(|| Self { email: email.to_owned(), audience: audience.to_owned() })
    }
}
