//! All tests, with what they need obtained first.

use anyhow::Result;
use tagger_testkit::assets::Assets;

use crate::cargo;

/// Obtains the real parts, then runs every test of the workspace; a missing part is a failure here, before any test.
pub(crate) async fn run(arguments: &[String]) -> Result<()> {
    println!("{}", Assets::obtain().await?);
    let mut all = vec!["test", "--workspace"];
    all.extend(arguments.iter().map(String::as_str));
    cargo::cargo(&all)
}
