//! The layout of a checkpoint's metadata, which is bincode's fixed-width little-endian one. This is the only file
//! that uses bincode.
//!
//! The layout is small enough to be read without that crate, which is no longer maintained: integers and floats
//! are little-endian and as wide as their type (counts are 64 bits), an option is a byte 0 or 1 and the value, a
//! string or list is its length in 64 bits and its content, a structure is its fields in order, a choice is its
//! number in 32 bits. `tests/golden.rs` reads a file with an independent reader that follows this description.

use bincode::config::{Configuration, Fixint, LittleEndian, NoLimit};
use serde::{Deserialize, Serialize};

/// Without a limit, as the history grows with every epoch: lengths that are not true are met by what is decoded, see
/// [`decode`].
const LAYOUT: Configuration<LittleEndian, Fixint, NoLimit> = bincode::config::legacy();

/// The bytes of `value`, or why there are none.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, String> {
    bincode::serde::encode_to_vec(value, LAYOUT).map_err(|error| error.to_string())
}

/// The value of which these are all the bytes.
///
/// Memory is in proportion to them, whatever lengths they state, if `V` borrows its text (an owned `String` would be
/// allocated before it is read) and has no list of elements without bytes: of a list, serde reserves a megabyte at
/// most before it sees the elements.
pub(crate) fn decode<'a, V: Deserialize<'a>>(bytes: &'a [u8]) -> Result<V, String> {
    let (value, read) = bincode::serde::borrow_decode_from_slice(bytes, LAYOUT).map_err(|e| e.to_string())?;
    if read != bytes.len() {
        return Err(format!("{} bytes after the end", bytes.len() - read));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_one_that_is_written_down() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        enum Choice {
            A,
            B,
        }
        let value = ("né", 258_usize, Some(1.5_f64), None::<u8>, Choice::B, vec![1_u32, 2]);
        let bytes = encode(&value).unwrap();
        let mut expected = vec![3, 0, 0, 0, 0, 0, 0, 0, b'n', 0xc3, 0xa9, 2, 1, 0, 0, 0, 0, 0, 0, 1];
        expected.extend(1.5_f64.to_le_bytes());
        expected.extend([0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(bytes, expected);
        let back: (&str, usize, Option<f64>, Option<u8>, Choice, Vec<u32>) = decode(&bytes).unwrap();
        assert_eq!(back, value);
        assert_ne!(back.4, Choice::A);
    }

    #[test]
    fn hostile_lengths_are_errors() {
        for length in [4, 1 << 20, 1 << 26, 1 << 40, 1 << 60, u64::MAX] {
            let bytes = length.to_le_bytes();
            assert!(decode::<&str>(&bytes).is_err());
            assert!(decode::<Vec<f32>>(&bytes).is_err());
            assert!(decode::<Vec<(&str, u64)>>(&bytes).is_err());
            assert!(decode::<Vec<Vec<f64>>>(&bytes).is_err());
        }
        assert_eq!(decode::<u8>(&[1, 2]), Err("1 bytes after the end".to_owned()));
    }
}
