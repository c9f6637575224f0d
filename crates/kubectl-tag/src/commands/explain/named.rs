//! Which workload is meant: `deployment/web`, `deploy web`, `deployments.apps/web`.

use tagger_api::workload::Kind;

use crate::problem::Problem;

/// Reads a workload as kubectl does.
pub(super) fn workload(words: &[String]) -> Result<(Kind, String), Problem> {
    let split = match words {
        [one] => one.split_once('/'),
        [kind, name] => Some((kind.as_str(), name.as_str())),
        _ => None,
    };
    let next =
        || Some("kubectl tag explain deployment/NAME, or any of the kinds that Tagger knows".to_owned());
    let Some((kind, name)) = split.filter(|(_, name)| !name.is_empty()) else {
        return Err(Problem::Invalid(format!("{:?} names no workload", words.join(" ")), next()));
    };
    let kind = known(kind).ok_or_else(|| {
        let kinds = Kind::ALL.map(|kind| kind.names().2).join(", ");
        Problem::Invalid(format!("{kind:?} is none of the kinds that follow Tags: {kinds}"), next())
    })?;
    Ok((kind, name.to_owned()))
}

/// The kind by its name, its plural, its short name, or its name with its group.
fn known(text: &str) -> Option<Kind> {
    let text = text.to_lowercase();
    let name = text.split('.').next().unwrap_or_default();
    Kind::ALL.into_iter().find(|kind| {
        let (_, singular, plural) = kind.names();
        singular.to_lowercase() == name || plural == name || short(*kind) == name
    })
}

fn short(kind: Kind) -> &'static str {
    match kind {
        Kind::Deployment => "deploy",
        Kind::StatefulSet => "sts",
        Kind::DaemonSet => "ds",
        Kind::ReplicaSet => "rs",
        Kind::CronJob => "cj",
        Kind::Job => "job",
        Kind::Pod => "po",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&["deployment/web"], Kind::Deployment)]
    #[case(&["deploy", "web"], Kind::Deployment)]
    #[case(&["Deployments.apps/web"], Kind::Deployment)]
    #[case(&["sts/web"], Kind::StatefulSet)]
    #[case(&["cj/web"], Kind::CronJob)]
    #[case(&["pods", "web"], Kind::Pod)]
    fn a_workload_is_named_as_for_kubectl(#[case] words: &[&str], #[case] kind: Kind) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(workload(&words).unwrap(), (kind, "web".to_owned()));
    }

    #[rstest]
    #[case(&["web"], "names no workload")]
    #[case(&["service/web"], "none of the kinds")]
    #[case(&["deployment/"], "names no workload")]
    fn what_is_no_workload_is_refused(#[case] words: &[&str], #[case] told: &str) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert!(workload(&words).unwrap_err().to_string().contains(told));
    }
}
