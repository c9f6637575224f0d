//! What was typed so far, as far as completing needs it. Pure.

use crate::arguments::ClusterFlags;

/// The flags of the cluster that are typed already, and the words that are no flags.
pub(super) fn typed(words: &[String]) -> (ClusterFlags, Vec<String>) {
    let mut flags = ClusterFlags::default();
    let mut plain = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, given) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        let mut value = || given.clone().or_else(|| words.next().cloned());
        match name {
            "-n" | "--namespace" => flags.namespace = value(),
            "--context" => flags.context = value(),
            "--cluster" => flags.cluster = value(),
            "--user" => flags.user = value(),
            "--kubeconfig" => flags.kubeconfig = value().map(Into::into),
            "--as" => flags.impersonate = value(),
            "-o" | "--output" | "-l" | "--selector" | "-g" | "--generation" | "--platform" | "--timeout"
            | "--request-timeout" => {
                value();
            }
            flag if flag.starts_with('-') => {}
            _ => plain.push(word.clone()),
        }
    }
    (flags, plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&["history", "-n", "dev", "my"], Some("dev"), &["history", "my"])]
    #[case(&["--namespace=dev", "pin", "-g", "3", "my"], Some("dev"), &["pin", "my"])]
    #[case(&["diff", "myapp", "--platform", "linux/amd64", ""], None, &["diff", "myapp", ""])]
    #[case(&["status", "-A", "--namespace"], None, &["status"])]
    fn flags_are_told_from_words(
        #[case] words: &[&str],
        #[case] namespace: Option<&str>,
        #[case] plain: &[&str],
    ) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let (flags, left) = typed(&words);
        assert_eq!(
            (flags.namespace.as_deref(), left),
            (namespace, plain.iter().map(|word| (*word).to_owned()).collect())
        );
    }
}
