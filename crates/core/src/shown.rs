//! Text from elsewhere, made fit to be shown: in a status, an Event, a log or on a terminal.

/// The text on one line: control characters are written as escapes, so that it neither breaks the line nor steers a terminal.
///
/// ```
/// assert_eq!(tagger_core::shown::on_one_line("v1\n\u{1b}[31m"), "v1\\n\\u{1b}[31m");
/// ```
pub fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}
