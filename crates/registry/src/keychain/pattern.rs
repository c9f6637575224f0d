use tagger_core::reference::{Registry, Repository};

/// Says for which images an entry of a docker config counts, as the kubelet reads its name: a host, which may have `*`
/// and `?` within a label, a port, and a prefix of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    specific: Specific,
    host: String,
    port: Option<u16>,
    path: String,
}

/// How specific a pattern is. Its order is the order of trial: longer paths first, then whole hosts before globs, then more
/// labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Specific(std::cmp::Reverse<(usize, bool, usize)>);

impl Pattern {
    pub(super) fn specific(&self) -> Specific {
        self.specific
    }

    /// None for a text that names no host.
    pub(super) fn parse(entry: &str) -> Option<Self> {
        let bare = entry.strip_prefix("https://").or_else(|| entry.strip_prefix("http://")).unwrap_or(entry);
        let (authority, path) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
        let (host, port) = split_port(authority)?;
        let host = match host.to_ascii_lowercase() {
            hub if hub == "index.docker.io" && port.is_none() => "docker.io".to_owned(),
            other => other,
        };
        // Docker's login writes `/v1/` and `/v2/`, which mean the whole host.
        let path = path.strip_prefix("/v1/").or_else(|| path.strip_prefix("/v2/")).unwrap_or(path);
        let path = path.trim_start_matches('/').to_owned();
        let path = if matches!(path.as_str(), "v1" | "v2") { String::new() } else { path };
        let plain = !host.contains(['*', '?']);
        let specific = Specific(std::cmp::Reverse((path.len(), plain, host.split('.').count())));
        Some(Self { specific, host, port, path })
    }

    /// The prefix ends wherever it ends, in the middle of a path's part too: so does the kubelet's.
    pub(super) fn matches(&self, registry: &Registry, repository: &Repository) -> bool {
        self.port == registry.port()
            && repository.as_str().starts_with(&self.path)
            && host_matches(&self.host, registry.host())
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end_of_address = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[end_of_address..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(end_of_address + colon);
            (host, Some(port[1..].parse().ok()?))
        }
        None => (authority, None),
    };
    let address = host.starts_with('[') && host.ends_with(']');
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_*?".contains(&b))
    };
    (address || host.split('.').all(label)).then_some((host, port))
}

fn host_matches(pattern: &str, host: &str) -> bool {
    if pattern.starts_with('[') {
        return pattern == host;
    }
    let (patterns, labels) = (pattern.split('.'), host.split('.'));
    patterns.clone().count() == labels.clone().count()
        && patterns.zip(labels).all(|(pattern, label)| label_matches(pattern.as_bytes(), label.as_bytes()))
}

/// `*` is any text within the label, `?` one character. Linear: only the last `*` is ever gone back to.
fn label_matches(pattern: &[u8], label: &[u8]) -> bool {
    let (mut p, mut l) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while l < label.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, l));
                p += 1;
            }
            Some(b) if *b == b'?' || *b == label[l] => {
                p += 1;
                l += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    l = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use tagger_core::reference::Reference;

    #[rstest]
    #[case("quay.io", "quay.io/a/b", true)]
    #[case("https://quay.io", "quay.io/a/b", true)]
    #[case("http://quay.io/", "quay.io/a/b", true)]
    #[case("https://quay.io/v2/", "quay.io/a/b", true)]
    #[case("https://quay.io/v1", "quay.io/a/b", true)]
    #[case("QUAY.io", "quay.io/a/b", true)]
    #[case("quay.io/a", "quay.io/a/b", true)]
    #[case("quay.io/a/b", "quay.io/a/b", true)]
    #[case("quay.io/v1/a", "quay.io/a/b", true)]
    #[case("quay.io/b", "quay.io/a/b", false)]
    #[case("quay.io/a/bc", "quay.io/a/b", false)]
    #[case("quay.io:443", "quay.io/a/b", false)]
    #[case("quay.io:5000", "quay.io:5000/a/b", true)]
    #[case("quay.io", "quay.io:5000/a/b", false)]
    #[case("*.io", "quay.io/a/b", true)]
    #[case("*.quay.io", "eu.quay.io/a/b", true)]
    #[case("*.quay.io", "quay.io/a/b", false)]
    #[case("*.quay.io", "a.eu.quay.io/a/b", false)]
    #[case("*.*.quay.io", "a.eu.quay.io/a/b", true)]
    #[case("*.quay.io:5000/a", "eu.quay.io:5000/a/b", true)]
    #[case("pre*fix.io", "pre-any-fix.io/a", true)]
    #[case("pre*fix.io", "prefi.io/a", false)]
    #[case("qu?y.io", "quay.io/a", true)]
    #[case("quay.io.evil.com", "quay.io/a", false)]
    #[case("quay.io", "quay.io.evil.com/a", false)]
    #[case("https://index.docker.io/v1/", "docker.io/library/fedora", true)]
    #[case("index.docker.io", "docker.io/company/app", true)]
    #[case("docker.io", "docker.io/library/fedora", true)]
    #[case("https://index.docker.io/v1/", "quay.io/a", false)]
    #[case("[::1]:5000", "[::1]:5000/a", true)]
    #[case("127.0.0.1:5000", "127.0.0.1:5000/a", true)]
    fn an_entry_matches_as_the_kubelet_matches(
        #[case] entry: &str,
        #[case] image: &str,
        #[case] matches: bool,
    ) {
        let image: Reference = image.parse().unwrap();
        let registry = image.registry().unwrap();
        assert_eq!(Pattern::parse(entry).unwrap().matches(registry, image.repository()), matches);
    }

    #[rstest]
    #[case("")]
    #[case("https://")]
    #[case("quay.io:port")]
    #[case("quay..io")]
    #[case("user@quay.io")]
    #[case("ftp://quay.io")]
    fn an_entry_that_names_no_host_is_refused(#[case] entry: &str) {
        assert_eq!(Pattern::parse(entry), None);
    }

    #[test]
    fn the_most_specific_comes_first() {
        let entries = ["*.io", "quay.io", "quay.io/a", "*.io/a/b", "*.*.io"];
        let mut patterns: Vec<_> =
            entries.iter().map(|entry| (Pattern::parse(entry).unwrap(), *entry)).collect();
        patterns.sort_by_key(|(pattern, _)| pattern.specific());
        let sorted: Vec<_> = patterns.into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(sorted, ["*.io/a/b", "quay.io/a", "quay.io", "*.*.io", "*.io"]);
    }
}
