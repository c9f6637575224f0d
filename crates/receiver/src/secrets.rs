//! What senders must know: the values of one Secret, by provider.

mod flaw;
mod identity;
mod shared;

use std::collections::{HashMap, HashSet};

use crate::provider::{Entrance, Provider};

pub use flaw::Flaw;
pub use identity::Identity;
pub use shared::Shared;

/// How short a secret may be, in bytes. Shorter ones can be guessed at the pace at which requests are answered.
pub const SHORTEST: usize = 16;

/// How many secrets a provider may have at one time. Two are needed while one takes over from another.
pub const MOST: usize = 8;

/// What the senders of each provider must know.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    is_unread: bool,
    shared: HashMap<Provider, Vec<Shared>>,
    identities: Vec<Identity>,
    /// Those whose values are of no use. They stay closed, even where they would be open without any.
    spoilt: HashSet<Provider>,
}

/// What a provider's door is like.
#[derive(Clone, Copy, Debug)]
pub enum Door<'a> {
    /// It is not known yet what it is like.
    Unknown,
    /// Nobody comes in, and nobody is told that there is a door.
    Closed,
    /// Whoever comes is let in.
    Open,
    /// Whoever knows one of these is let in.
    Secret(&'a [Shared]),
    /// Whoever Google says to be one of these is let in.
    Identity(&'a [Identity]),
}

impl Secrets {
    /// What stands for the secrets before they were read for the first time: nobody is let in, or sent away for good.
    pub fn unread() -> Self {
        Self { is_unread: true, ..Self::default() }
    }

    /// Reads the values of a Secret, by key. A key may have several lines, each of which counts.
    pub fn read<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> (Self, Vec<Flaw>) {
        let (mut secrets, mut flaws) = (Self::default(), Vec::new());
        for (key, value) in entries {
            match key.parse() {
                Ok(provider) => secrets.take(provider, value, &mut flaws),
                Err(_) => flaws.push(Flaw::Unknown(key.to_owned())),
            }
        }
        (secrets, flaws)
    }

    fn take(&mut self, provider: Provider, value: &[u8], flaws: &mut Vec<Flaw>) {
        let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let mut lines = (1..).zip(lines).filter(|(_, line)| !line.is_empty());
        let (before, mut good) = (flaws.len(), 0);
        for (line, text) in lines.by_ref().take(MOST) {
            match self.take_line(provider, line, text) {
                Ok(()) => good += 1,
                Err(flaw) => flaws.push(flaw),
            }
        }
        if lines.next().is_some() {
            flaws.push(Flaw::Many(provider));
        }
        if good == 0 {
            self.spoilt.insert(provider);
            if flaws.len() == before {
                flaws.push(Flaw::Empty(provider));
            }
        }
    }

    fn take_line(&mut self, provider: Provider, line: usize, text: &[u8]) -> Result<(), Flaw> {
        if provider.entrance() == Entrance::Identity {
            self.identities.push(Identity::read(text).ok_or(Flaw::Identity { line })?);
            return Ok(());
        }
        if text.len() < SHORTEST {
            return Err(Flaw::Short { provider, line });
        }
        if provider.entrance() == Entrance::Path && !text.iter().all(|byte| stands_in_a_path(*byte)) {
            return Err(Flaw::Path { provider, line });
        }
        self.shared.entry(provider).or_default().push(Shared::new(text));
        Ok(())
    }

    /// What this provider's door is like, where it was opened on purpose or not.
    pub fn door(&self, provider: Provider, is_open: bool) -> Door<'_> {
        let shared = self.shared.get(&provider);
        match shared {
            _ if self.is_unread => Door::Unknown,
            Some(shared) => Door::Secret(shared),
            None if provider.entrance() == Entrance::Identity && !self.identities.is_empty() => {
                Door::Identity(&self.identities)
            }
            None if is_open && !self.spoilt.contains(&provider) => Door::Open,
            None => Door::Closed,
        }
    }
}

/// Whether a byte may be in a segment of a path as it is (RFC 3986, `pchar`). Any other would end the segment, as a slash does, or
/// be spelled in another way, and the secret would never match.
fn stands_in_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const LONG: &str = "0123456789abcdef";

    fn read(key: &str, value: &str) -> (Secrets, Vec<Flaw>) {
        Secrets::read([(key, value.as_bytes())])
    }

    #[rstest]
    #[case::base64("quay", "0123456789abcdef/=", 1)]
    #[case::a_space("docker-hub", "0123456789 abcdef", 1)]
    #[case::a_code("event-grid", "0123456789%61bcdef", 1)]
    #[case::a_query("quay", "0123456789?abcdef", 1)]
    #[case::no_ascii("quay", "0123456789äbcdef", 1)]
    #[case::the_second_line("quay", "0123456789abcdef\n0123456789/abcdef", 1)]
    #[case::base64_without_a_slash("quay", "0123456789+abcdef==", 0)]
    #[case::base64_for_urls("quay", "0123456789-._~abcdef", 0)]
    #[case::in_a_header("distribution", "0123456789abcdef/=", 0)]
    fn a_secret_in_a_path_stands_there_as_it_is(
        #[case] key: &str,
        #[case] secret: &str,
        #[case] flawed: usize,
    ) {
        let (_, flaws) = read(key, secret);
        assert_eq!(flaws.len(), flawed, "{flaws:?}");
        for flaw in flaws {
            assert!(matches!(flaw, Flaw::Path { .. }), "{flaw}");
        }
    }

    #[test]
    fn every_line_counts_and_white_space_around_it_does_not() {
        let (secrets, flaws) = read("quay", &format!("{LONG}-one\r\n\n  {LONG}-two\n"));
        assert_eq!(flaws, []);
        let Door::Secret(known) = secrets.door(Provider::Quay, false) else { panic!("it has secrets") };
        for (presented, is_known) in [("-one", true), ("-two", true), ("-three", false), ("", false)] {
            assert_eq!(Shared::any_is(known, &[format!("{LONG}{presented}")]), is_known, "{presented}");
        }
        assert!(!Shared::any_is(known, &[[0u8; 0]; 1]) && !Shared::any_is(known, &[[0u8; 0]; 0]));
        assert!(matches!(secrets.door(Provider::DockerHub, false), Door::Closed));
    }

    #[rstest]
    #[case::short("quay", "hunter2", "line 1 of the key quay is not used: it has fewer than 16 characters")]
    #[case::a_slash(
        "quay",
        "hunter2/hunter2hunter2",
        "line 1 of the key quay is not used: it has a character that can't be in a path as it is, such as /; make one with `openssl rand -hex 32`"
    )]
    #[case::short_behind_a_good_one("quay", "0123456789abcdef\nhunter2", "in line 2 of the key quay")]
    #[case::nothing("quay", " \n", "the key quay is empty")]
    #[case::unknown("gogs\n", "0123456789abcdef", "the key \"gogs\\n\" is not used")]
    #[case::no_identity("google", "hunter2hunter2hunter2", "must be the e-mail address")]
    #[case::too_many("quay", &"0123456789abcdef\n".repeat(9), "more than 8 lines")]
    fn what_is_not_used_is_told_without_what_it_is(
        #[case] key: &str,
        #[case] value: &str,
        #[case] told: &str,
    ) {
        let (_, flaws) = read(key, value);
        let [flaw] = &flaws[..] else { panic!("{flaws:?}") };
        assert!(flaw.to_string().contains(told), "{flaw}");
        assert!(!flaw.to_string().contains("hunter2"), "{flaw}");
    }

    #[test]
    fn a_door_without_a_secret_is_closed_unless_it_was_opened() {
        let (none, short) = (Secrets::default(), read("quay", "hunter2").0);
        assert!(matches!(none.door(Provider::Quay, false), Door::Closed));
        assert!(matches!(none.door(Provider::Quay, true), Door::Open));
        assert!(matches!(Secrets::unread().door(Provider::Quay, true), Door::Unknown));
        assert!(matches!(short.door(Provider::Quay, true), Door::Closed), "somebody meant to lock it");
        assert!(matches!(read("quay", LONG).0.door(Provider::Quay, true), Door::Secret(_)));
    }

    #[test]
    fn google_has_identities() {
        let (secrets, flaws) =
            read("google", "push@p.iam.gserviceaccount.com https://tagger.company.com/google\n");
        assert_eq!(flaws, []);
        let Door::Identity([identity]) = secrets.door(Provider::Google, false) else { panic!("it has one") };
        assert_eq!(identity.audience, "https://tagger.company.com/google");
    }

    #[test]
    fn nothing_prints_a_secret() {
        let (secrets, _) = read("quay", "hunter2hunter2hunter2");
        assert!(!format!("{secrets:?}").contains("hunter2") && !format!("{secrets:?}").contains("104, 117"));
    }
}
