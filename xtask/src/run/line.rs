//! A record as a line of `runs.jsonl`, which ends with a digest of itself: a digit that changed on the disk is noticed.
//!
//! The digest is the 64-bit FNV-1a of the line's bytes before it, without the seconds: those alone differ between two runs
//! that are otherwise the same, so lines can be compared without them. Lines of earlier versions have no digest and stay
//! readable.

use super::{Record, hex};
use gmp_train::image::Digest;

const SECONDS: &[u8] = b"\"seconds\":";
const DIGEST: &str = ",\"digest\":\"";
const END: &str = "\"}";
/// Hexadecimal digits of a digest.
const DIGITS: usize = 16;

/// The line of a record, with its end.
///
/// # Errors
/// None that is known: every record is JSON.
pub fn write(record: &Record) -> Result<String, serde_json::Error> {
    let mut line = serde_json::to_string(record)?;
    // The closing brace comes after the digest.
    line.pop();
    let digest = digest(line.as_bytes());
    Ok(line + DIGEST + &digest + END + "\n")
}

/// The record of a line.
///
/// # Errors
/// What is wrong with it: no record, or not the one that was written.
pub fn read(line: &[u8]) -> Result<Record, String> {
    let record = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let line = line.trim_ascii_end();
    let (content, end) = line.split_at(line.len().saturating_sub(DIGEST.len() + DIGITS + END.len()));
    let known = end.strip_prefix(DIGEST.as_bytes()).and_then(|end| end.strip_suffix(END.as_bytes()));
    match (known, digest(content)) {
        (Some(known), found) if known != found.as_bytes() => {
            Err(format!("damaged: digest {found}, expected {}", String::from_utf8_lossy(known)))
        }
        _ => Ok(record),
    }
}

fn digest(content: &[u8]) -> String {
    // A quotation mark inside a text has a backslash before it, so this is the key and no part of a name.
    let at = content.windows(SECONDS.len()).position(|window| window == SECONDS);
    let (before, rest) = content.split_at(at.map_or(content.len(), |at| at + SECONDS.len()));
    let after = rest.iter().position(|&byte| byte == b',').map_or(&[][..], |comma| &rest[comma..]);
    hex(Digest::default().bytes(before).bytes(after))
}

/// A line that is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged<'a> {
    /// Which line, from 1.
    pub line: usize,
    /// The line without its end.
    pub content: &'a [u8],
}

impl Damaged<'_> {
    /// Why it is no record.
    #[must_use]
    pub fn problem(&self) -> String {
        read(self.content).err().unwrap_or_default()
    }
}

/// The records in the content of a `runs.jsonl`, a line each, and the lines that are none. A last line without an end is
/// dropped if it is no record, and so are empty lines.
#[must_use]
pub fn parse(bytes: &[u8]) -> (Vec<Record>, Vec<Damaged<'_>>) {
    let (mut records, mut damaged) = (Vec::new(), Vec::new());
    for (i, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match (read(line), line.strip_suffix(b"\n")) {
            (Ok(record), _) => records.push(record),
            (Err(_), Some(content)) if !content.trim_ascii().is_empty() => {
                damaged.push(Damaged { line: i + 1, content });
            }
            (Err(_), _) => {}
        }
    }
    (records, damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use crate::run::{Origin, Protocol, Run};

    fn record(seconds: f64) -> Record {
        Record {
            run: Run {
                experiment: "table1".to_owned(),
                dataset: "a \"seconds\":7, set".to_owned(),
                method: method::GMP,
                lr: 0.1,
                protocol: Protocol::Paper,
                seed: 3,
                epoch_limit: 10,
                data: "0123456789abcdef".to_owned(),
                setting: Default::default(),
            },
            metric: "rmse".to_owned(),
            value: Some(0.137),
            validation: None,
            epochs: 10,
            end: "epochs".to_owned(),
            seconds,
            movement: None,
            measures: None,
            accuracy: None,
            origin: Origin::here(),
            curves: None,
        }
    }

    /// Whatever byte is changed, the line is refused or holds the same results.
    #[test]
    fn no_changed_byte_becomes_a_wrong_number() {
        let line = write(&record(1.25)).unwrap();
        assert_eq!(read(line.as_bytes()), Ok(record(1.25)));
        let (mut refused, mut bytes) = (0, line.clone().into_bytes());
        for at in 0..bytes.len() - 1 {
            for flip in 1..=255 {
                bytes[at] ^= flip;
                match read(&bytes) {
                    Ok(found) => assert_eq!(Record { seconds: 1.25, ..found }, record(1.25), "byte {at}"),
                    Err(_) => refused += 1,
                }
                bytes[at] ^= flip;
            }
        }
        assert!(refused > 240 * bytes.len(), "{refused} of {} bytes, each changed in 255 ways", bytes.len());
        let changed = line.replace("0.137", "0.173");
        assert!(read(changed.as_bytes()).unwrap_err().starts_with("damaged: digest "), "{changed}");
    }

    #[test]
    fn the_seconds_are_not_part_of_the_digest_and_old_lines_have_none() {
        let end = |line: &str| line[line.find(DIGEST).unwrap()..].to_owned();
        assert_eq!(end(&write(&record(1.25)).unwrap()), end(&write(&record(1e-300)).unwrap()));
        let old = serde_json::to_string(&record(2.0)).unwrap();
        assert_eq!(read(old.as_bytes()), Ok(record(2.0)));
    }
}
