//! What a command says: results on standard output, everything else on standard error, nothing that a terminal would
//! take for an order.

use anyhow::{Context as _, Result};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::ops::ControlFlow;

/// `text` as it may be shown on a terminal: control characters, line breaks among them, and those that change the
/// direction of writing are shown as `\u{…}`.
///
/// Names in archives, of files, columns, layers and tensors come from outside and may hold anything.
///
/// # Examples
/// ```
/// assert_eq!(xtask::terminal::escaped("× é 1"), "× é 1");
/// assert_eq!(xtask::terminal::escaped("\x1b[2J"), r"\u{1b}[2J");
/// ```
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_order) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_order(c) {
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_order(c: char) -> bool {
    // Direction marks, embeddings, overrides and isolates, and the two separators that break lines.
    let turns = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}'];
    c.is_control()
        || turns.contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// A line of results on standard output; [`ControlFlow::Break`] where nobody reads any more, as behind `head`: that is
/// the reader's affair and no error.
///
/// # Errors
/// A device that takes no more.
pub fn print(line: &str) -> Result<ControlFlow<()>> {
    written(writeln!(io::stdout().lock(), "{}", escaped(line)))
}

/// What became of writing to standard output, as [`print()`] has it.
///
/// # Errors
/// Those of [`print()`].
pub fn written(outcome: io::Result<()>) -> Result<ControlFlow<()>> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        outcome => outcome.map(ControlFlow::Continue).context("standard output cannot be written to"),
    }
}

/// A line on standard error, where that can be written to.
pub fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escaped(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_to_the_terminal_are_shown() {
        assert!(matches!(escaped("Größe × 中文 🚤"), Cow::Borrowed(_)));
        for (text, shown) in [
            ("a\u{1b}]0;title\u{7}b", r"a\u{1b}]0;title\u{7}b"),
            ("one\r\ntwo\t", r"one\u{d}\u{a}two\u{9}"),
            ("\u{9b}31m\u{7f}", r"\u{9b}31m\u{7f}"),
            ("\u{202e}txt.exe\u{2066}\u{200f}\u{2028}", r"\u{202e}txt.exe\u{2066}\u{200f}\u{2028}"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }
}
