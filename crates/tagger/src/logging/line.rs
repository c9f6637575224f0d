//! An event is a line and no more: what would end it, or steer the terminal of whoever reads it, is written out.

use std::fmt::Write;

/// What begins a change of colour on a terminal.
const ESCAPE: char = '\u{1b}';

/// A line for people. With colours, what makes them stays.
pub(super) fn in_text(line: &str, has_colours: bool) -> String {
    escaped(line, |character| match character {
        ESCAPE if has_colours => None,
        '\n' => Some(r"\n".to_owned()),
        '\r' => Some(r"\r".to_owned()),
        '\t' => Some(r"\t".to_owned()),
        other => is_unfit(other).then(|| other.escape_unicode().to_string()),
    })
}

/// A JSON object. All that ends a line by JSON's own rules was escaped already; this does so for the rest, which is in its texts.
pub(super) fn in_json(line: &str) -> String {
    escaped(line, |character| {
        is_unfit(character).then(|| {
            let mut units = [0; 2];
            let mut text = String::new();
            for unit in character.encode_utf16(&mut units) {
                // Writing to a text can't fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
            text
        })
    })
}

/// Whether a character is none that is seen: a control, or one that turns around how a line is read.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(line: &str, written: impl Fn(char) -> Option<String>) -> String {
    let mut text = String::with_capacity(line.len());
    for character in line.chars() {
        match written(character) {
            Some(written) => text.push_str(&written),
            None => text.push(character),
        }
    }
    text
}
