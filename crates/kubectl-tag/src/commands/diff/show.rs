//! A difference as people read it: what is gone behind a minus, what is new behind a plus.

use anstyle::Style;
use indicatif::HumanBytes;

use super::compare::{Change, Difference, Part};
use crate::screen::{BAD, FAINT, GOOD, Screen, plain, short};

/// How wide the names of things are.
const NAMES: usize = 11;

/// Shows a difference.
pub(super) fn show(difference: &Difference, screen: Screen) {
    let Difference { before, after, .. } = difference;
    let (older, newer) = (before.generation, after.generation);
    if difference.same {
        let digest = after.digest.as_ref().map(|digest| short(digest.as_str())).unwrap_or_default();
        screen.line(format_args!(
            "{}: generations {older} and {newer} are the same image, {digest}",
            difference.tag
        ));
    } else {
        screen.line(format_args!("{}: from generation {older} to {newer}", difference.tag));
    }
    if let Some(platform) = &difference.platform {
        line(screen, ' ', FAINT, "compared", &plain(platform));
    }
    difference.changes.iter().for_each(|change| one(screen, change));
    if let Some(layers) = &difference.layers {
        layers.removed.iter().for_each(|part| line(screen, '-', BAD, "layer", &layer(part)));
        layers.added.iter().for_each(|part| line(screen, '+', GOOD, "layer", &layer(part)));
        let shared: u64 = layers.shared.iter().map(|part| part.size).sum();
        let told = format!("{} shared, {}", layers.shared.len(), HumanBytes(shared));
        line(screen, ' ', FAINT, "layers", &told);
    }
    if let Some(size) = difference.size {
        let sign = if size.difference < 0 { '-' } else { '+' };
        let told = format!(
            "{} to {} ({sign}{})",
            HumanBytes(size.before),
            HumanBytes(size.after),
            HumanBytes(size.difference.unsigned_abs())
        );
        line(screen, ' ', Style::new(), "size", &told);
    }
}

fn one(screen: Screen, change: &Change) {
    let told = |value: &String| match &change.name {
        Some(name) => format!("{}={}", plain(name), plain(value)),
        None => plain(value),
    };
    if let Some(before) = &change.before {
        line(screen, '-', BAD, change.what, &told(before));
    }
    if let Some(after) = &change.after {
        line(screen, '+', GOOD, change.what, &told(after));
    }
}

fn layer(part: &Part) -> String {
    format!("{}  {}", short(part.digest.as_str()), HumanBytes(part.size))
}

fn line(screen: Screen, sign: char, style: Style, what: &str, text: &str) {
    screen.line(format_args!("{style}{sign} {what:<NAMES$}  {text}{style:#}"));
}
