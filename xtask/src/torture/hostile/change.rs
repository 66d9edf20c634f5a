//! Ways in which a file can be damaged where its structure is.

use gmp_nn::Rng;
use std::ops::Range;

/// A whole number in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) at: usize,
    /// Bytes.
    pub(crate) width: usize,
    pub(crate) is_big_endian: bool,
}

/// Where a file has what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Anatomy {
    /// Lengths, counts, offsets, kinds, checksums.
    pub(crate) numbers: Vec<Number>,
    /// Where floating-point numbers begin, and how many bytes they have.
    pub(crate) reals: Vec<(usize, usize)>,
    /// Headers, chunks, records, lines: what can be left out, repeated and exchanged.
    pub(crate) parts: Vec<Range<usize>>,
    /// Words and numbers of text.
    pub(crate) words: Vec<Range<usize>>,
}

impl Anatomy {
    pub(crate) fn little(&mut self, at: usize, width: usize) {
        self.numbers.push(Number { at, width, is_big_endian: false });
    }
    pub(crate) fn big(&mut self, at: usize, width: usize) {
        self.numbers.push(Number { at, width, is_big_endian: true });
    }
}

/// One change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Bytes in the place of others.
    Replace(Range<usize>, Vec<u8>),
    /// The end is missing from here on.
    Cut(usize),
    /// A part repeated this many more times.
    Repeat(Range<usize>, usize),
    /// Two parts in each other's places, the first one first.
    Exchange(Range<usize>, Range<usize>),
    /// The bits of one byte.
    Flip(usize, u8),
}
use Change::*;

/// What words and numbers of text are replaced by.
fn words() -> Vec<Vec<u8>> {
    let plain = "|NaN|inf|-inf|1e999|-1e999|1e-999|-0|0|1|2|-1|255|65536|4294967295|4294967296|18446744073709551615|\
                 18446744073709551616|9223372036854775808|0x1F|1_000|1,5|\"|\"\"|'|null|true|[]|{}|<|>|&#0;|\u{feff}|１|\0";
    let mut words: Vec<Vec<u8>> = plain.split('|').map(|word| word.as_bytes().to_vec()).collect();
    words.push(vec![0xff, 0xfe]);
    words.extend([b'9', b'[', b'a', b' ', b'\n'].map(|byte| vec![byte; 70_000]));
    words
}

/// The most bytes that a part grows to where it is repeated.
const MOST_REPEATED: usize = 1 << 18;
/// Words of one file that are replaced, at most, spread over it.
const MOST_WORDS: usize = 150;

/// All changes that follow from the structure of a file.
pub(crate) fn changes(bytes: &[u8], anatomy: &Anatomy) -> Vec<Change> {
    let mut all = Vec::new();
    for &Number { at, width, is_big_endian } in &anatomy.numbers {
        let Some(old) = bytes.get(at..at + width) else { continue };
        let old: Vec<u8> = if is_big_endian { old.iter().rev().copied().collect() } else { old.to_vec() };
        let old = old.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        let most = u64::MAX >> (64 - 8 * width);
        for new in [0, 1, most, most / 2, most / 2 + 1, old.wrapping_add(1), old.wrapping_sub(1), old << 1] {
            let mut new = new.to_le_bytes()[..width].to_vec();
            if is_big_endian {
                new.reverse();
            }
            all.push(Replace(at..at + width, new));
        }
        all.push(Cut(at));
    }
    for &(at, width) in anatomy.reals.iter().filter(|(at, width)| at + width <= bytes.len()) {
        for new in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0, 5e-324, 1e39, -1.0] {
            let new = match width {
                4 => (new as f32).to_le_bytes().to_vec(),
                _ => new.to_le_bytes().to_vec(),
            };
            all.push(Replace(at..at + width, new));
        }
    }
    let parts: Vec<&Range<usize>> = anatomy.parts.iter().filter(|part| part.end <= bytes.len()).collect();
    for (i, &part) in parts.iter().enumerate() {
        all.push(Replace(part.clone(), Vec::new()));
        all.push(Repeat(part.clone(), 1));
        all.push(Repeat(part.clone(), MOST_REPEATED / part.len().max(1)));
        all.extend(
            parts[i + 1..]
                .iter()
                .take(3)
                .filter(|other| other.start >= part.end)
                .map(|&other| Exchange(part.clone(), other.clone())),
        );
        let boundaries = [part.start.wrapping_sub(1), part.start, part.start + 1, part.end.wrapping_sub(1)];
        all.extend(boundaries.into_iter().filter(|&at| at <= bytes.len()).map(Cut));
    }
    let (words, step) = (words(), anatomy.words.len().div_ceil(MOST_WORDS).max(1));
    for word in anatomy.words.iter().step_by(step) {
        all.extend(words.iter().map(|new| Replace(word.clone(), new.clone())));
        all.push(Cut(word.end));
    }
    all.dedup();
    all
}

/// A random change of any byte.
fn flip(bytes: &[u8], rng: &mut Rng) -> Change {
    Flip(rng.below(bytes.len().max(1)), 1 + rng.below(255) as u8)
}

/// Some of the changes and some changed bytes, together.
pub(crate) fn several(bytes: &[u8], changes: &[Change], rng: &mut Rng) -> Vec<Change> {
    let one = |rng: &mut Rng| match changes.is_empty() || rng.below(3) == 0 {
        true => flip(bytes, rng),
        false => changes[rng.below(changes.len())].clone(),
    };
    (0..2 + rng.below(3)).map(|_| one(rng)).collect()
}

/// Makes a change, as far as the file has these bytes (still).
pub(crate) fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let within =
        |range: &Range<usize>, bytes: &[u8]| range.start.min(bytes.len())..range.end.min(bytes.len());
    match change {
        Replace(range, new) => drop(bytes.splice(within(range, bytes), new.iter().copied())),
        Cut(at) => bytes.truncate(*at),
        Repeat(range, times) => {
            let range = within(range, bytes);
            let part = bytes[range.clone()].repeat(*times);
            bytes.splice(range.end..range.end, part);
        }
        Exchange(one, other) => {
            let (one, other) = (within(one, bytes), within(other, bytes));
            let between = one.end..other.start.max(one.end);
            let new = [&bytes[other.clone()], &bytes[between], &bytes[one.clone()]].concat();
            bytes.splice(one.start..other.end.max(one.end), new);
        }
        Flip(at, bits) => {
            if let Some(byte) = bytes.get_mut(*at) {
                *byte ^= bits;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_as_far_as_there_are_bytes() {
        let changed = |change| {
            let mut bytes = b"0123456789".to_vec();
            apply(&mut bytes, &change);
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(changed(Replace(2..4, b"x".to_vec())), "01x456789");
        assert_eq!(changed(Replace(20..24, b"x".to_vec())), "0123456789x");
        assert_eq!(changed(Cut(3)), "012");
        assert_eq!(changed(Repeat(8..12, 2)), "0123456789898989".get(..14).unwrap());
        assert_eq!(changed(Exchange(1..3, 5..6)), "0534126789");
        assert_eq!(changed(Exchange(8..12, 15..16)), "012345678989".get(..10).unwrap());
        assert_eq!(changed(Flip(0, 1)), "1123456789");
    }

    #[test]
    fn numbers_become_their_neighbours_and_limits() {
        let mut anatomy = Anatomy::default();
        anatomy.big(0, 2);
        let all = changes(&[0, 5], &anatomy);
        for expected in [[0, 0], [0, 1], [0xff, 0xff], [0x7f, 0xff], [0x80, 0], [0, 6], [0, 4], [0, 10]] {
            assert!(all.contains(&Replace(0..2, expected.to_vec())), "{expected:?}");
        }
    }
}
