//! `WWW-Authenticate`, as whoever answers for a registry sends it: a header a line.

use tagger_registry::fuzzing::token_server;

/// A token is fetched at https, or at the registry itself; no password stands in the address.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for asked in
        ["https://registry.example.com/v2/", "http://registry.example.com:5000/v2/", "http://[::1]/v2/"]
    {
        let Ok(asked) = asked.parse::<url::Url>() else { continue };
        let Some(Ok(realm)) = token_server(text.lines(), &asked) else { continue };
        let is_registry = (realm.scheme(), realm.host(), realm.port_or_known_default())
            == (asked.scheme(), asked.host(), asked.port_or_known_default());
        assert!(realm.scheme() == "https" || is_registry, "{realm} for {asked}");
        assert!(
            realm.username().is_empty() && realm.password().is_none() && realm.fragment().is_none(),
            "{realm}"
        );
        assert!(realm.host().is_some());
        // A header of more than 8 KiB is not read; what a URL escapes takes three times as much.
        assert!(realm.as_str().len() <= 3 * 8192 + 64);
    }
}
