//! Which failed imports come to a good end by themselves. Pure.

/// The reasons of failed imports, and of copies after `Cache`, that no further try mends: a person has to change something first. They are
/// those of which `docs/reference/conditions.md` says so.
const MENDED_BY_PEOPLE: [&str; 21] = [
    "AddressRefused",
    "Blocked",
    "DigestInvalid",
    "ListInvalid",
    "ManifestInvalid",
    "ManifestTooLarge",
    "NotFound",
    "NotRaised",
    "NothingChosen",
    "PartMissing",
    "ReadOnly",
    "RealmRefused",
    "RedirectRefused",
    "StorageFull",
    "TlsFailed",
    "TooMuch",
    "Unauthorized",
    "UploadNotFound",
    "CacheInvalid",
    "CacheUnknown",
    "NoCache",
];

/// Whether an import that failed for this reason is not mended by trying again.
pub(crate) fn is_mended_by_people(reason: &str) -> bool {
    let bare = reason.strip_prefix("Cache").unwrap_or(reason);
    MENDED_BY_PEOPLE.contains(&reason) || MENDED_BY_PEOPLE.contains(&bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_are_those_of_the_reference_page() {
        let page = include_str!("../../../../docs/reference/conditions.md");
        let imports = page.split("## When an import fails").nth(1).unwrap();
        for row in imports.lines().filter(|line| line.starts_with("| `")) {
            for reason in row.split('|').nth(1).unwrap().split(',') {
                let reason = reason.split('`').nth(1).unwrap_or_default();
                // A part that the cache does not have was lost by it.
                let is_marked = row.contains("| no |") || reason == "CachePartMissing";
                assert_eq!(is_mended_by_people(reason), is_marked, "{reason}");
            }
        }
    }
}
