//! What hostile input must not do: for each reader of what strangers write, a function of bytes that panics where a promise
//! does not hold.
//!
//! libFuzzer calls them with inputs of its own making (`cargo xtask fuzz`, or `cargo fuzz run` where that is installed), and a test
//! calls them with the seeds in `seeds/` and with changed seeds. That a reader takes linear time and bounded memory is held by
//! libFuzzer's own limits of both for each input.

pub mod admission;
pub mod challenge;
pub mod docker_config;
pub mod generate;
pub mod link;
pub mod manifest;
pub mod receiver;
pub mod reference;
pub mod registries_conf;
pub mod schedule;
pub mod tags;

/// A reader of hostile input, and what holds of it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its program and of the folder of its seeds.
    pub name: &'static str,
    /// Panics where a promise does not hold for this input.
    pub check: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "admission", check: admission::check },
    Target { name: "challenge", check: challenge::check },
    Target { name: "docker_config", check: docker_config::check },
    Target { name: "generate", check: generate::check },
    Target { name: "link", check: link::check },
    Target { name: "manifest", check: manifest::check },
    Target { name: "receiver", check: receiver::check },
    Target { name: "reference", check: reference::check },
    Target { name: "registries_conf", check: registries_conf::check },
    Target { name: "schedule", check: schedule::check },
    Target { name: "tags", check: tags::check },
];

/// What is told of hostile input is one line that can be logged as it is, and not much longer than what it quotes.
fn assert_harmless(told: &str, quotes: usize) {
    assert!(!told.chars().any(char::is_control), "a control character is told: {told:?}");
    // A character that is escaped takes ten at most: \u{10ffff}.
    assert!(told.len() <= 1024 + 10 * quotes, "{} bytes are told of {quotes}", told.len());
}

/// Text before the first line break, and the rest behind it.
fn head_and_body(input: &[u8]) -> (&str, &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let head = std::str::from_utf8(&input[..end]).unwrap_or_default();
    (head.trim_end_matches('\r'), input.get(end + 1..).unwrap_or_default())
}
