//! Where files of each format have their lengths, counts, checksums, parts and numbers.

use super::change::Anatomy;
use std::ops::Range;

fn little(bytes: &[u8], at: usize, width: usize) -> usize {
    let number = bytes.get(at..at + width).unwrap_or_default();
    number.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

fn big(bytes: &[u8], at: usize, width: usize) -> usize {
    bytes.get(at..at + width).unwrap_or_default().iter().fold(0, |n, &byte| n << 8 | usize::from(byte))
}

/// Words and numbers in a part of a file.
fn words_in(bytes: &[u8], range: Range<usize>, anatomy: &mut Anatomy) {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte);
    let mut start = None;
    for at in range.start..=range.end {
        match (at < range.end && is_part(bytes[at]), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                anatomy.words.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
}

/// Text of any kind: its lines, and its words and numbers.
pub(super) fn text(bytes: &[u8]) -> Anatomy {
    let mut anatomy = Anatomy::default();
    let mut start = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        anatomy.parts.push(start..start + line.len());
        start += line.len();
    }
    words_in(bytes, 0..bytes.len(), &mut anatomy);
    anatomy
}

/// See `gmp-train/src/checkpoint/format.rs`. Metadata have lengths and numbers wherever bytes look like some.
pub(super) fn checkpoint(bytes: &[u8]) -> Anatomy {
    let mut anatomy = Anatomy::default();
    [(8, 4), (12, 4), (16, 8), (24, 8)].iter().for_each(|&(at, width)| anatomy.little(at, width));
    let metadata = 32 + little(bytes, 16, 8);
    anatomy.parts.extend([0..32, 32..metadata, metadata..bytes.len()]);
    for at in 32..metadata.saturating_sub(8) {
        let bits = little(bytes, at, 8);
        if (1..=bytes.len()).contains(&bits) {
            anatomy.little(at, 8);
        }
        if (1e-6..1e6).contains(&f64::from_bits(bits as u64).abs()) {
            anatomy.reals.push((at, 8));
        }
    }
    anatomy.reals.extend((metadata..bytes.len()).step_by(8).map(|at| (at, 8)));
    words_in(bytes, 32..metadata, &mut anatomy);
    anatomy
}

/// A length, a header in JSON, and the numbers.
pub(super) fn safetensors(bytes: &[u8]) -> Anatomy {
    let mut anatomy = Anatomy::default();
    anatomy.little(0, 8);
    let data = 8 + little(bytes, 0, 8);
    anatomy.parts.extend([0..8, 8..data, data..bytes.len()]);
    anatomy.reals.extend((data..bytes.len()).step_by(4).map(|at| (at, 4)));
    words_in(bytes, 8..data, &mut anatomy);
    anatomy
}

/// Labels before pictures.
pub(super) fn cifar10(bytes: &[u8]) -> Anatomy {
    let mut anatomy = Anatomy::default();
    for start in (0..bytes.len()).step_by(3073) {
        anatomy.little(start, 1);
        anatomy.parts.push(start..start + 3073);
    }
    anatomy
}

/// Members, their entries in the directory, and its end; and what is in members that are not compressed.
pub(super) fn zip(bytes: &[u8]) -> Anatomy {
    let mut anatomy = Anatomy::default();
    for at in 0..bytes.len().saturating_sub(3) {
        let n = |offset, width| little(bytes, at + offset, width);
        let fields: &[(usize, usize)] = match &bytes[at..at + 4] {
            b"PK\x03\x04" => {
                let data = at + 30 + n(26, 2) + n(28, 2);
                anatomy.parts.push(at..data + n(18, 4));
                if n(8, 2) == 0 {
                    let part = data..(data + n(18, 4)).min(bytes.len());
                    // Pictures in an array are no words.
                    let text = part.start..part.end.min(part.start + 2000);
                    words_in(bytes, text, &mut anatomy);
                }
                &[(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)]
            }
            b"PK\x01\x02" => {
                anatomy.parts.push(at..at + 46 + n(28, 2) + n(30, 2) + n(32, 2));
                &[
                    (6, 2),
                    (8, 2),
                    (10, 2),
                    (16, 4),
                    (20, 4),
                    (24, 4),
                    (28, 2),
                    (30, 2),
                    (32, 2),
                    (34, 2),
                    (42, 4),
                ]
            }
            b"PK\x05\x06" => {
                anatomy.parts.push(at..bytes.len());
                &[(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]
            }
            _ => &[],
        };
        fields.iter().for_each(|&(offset, width)| anatomy.little(at + offset, width));
    }
    anatomy
}

/// Chunks: length, kind, content, checksum.
pub(super) fn png(bytes: &[u8]) -> Anatomy {
    let mut anatomy = Anatomy::default();
    let mut at = 8;
    while at + 12 <= bytes.len() {
        let end = at + 12 + big(bytes, at, 4);
        anatomy.big(at, 4);
        anatomy.parts.push(at..end);
        if &bytes[at + 4..at + 8] == b"IHDR" {
            [(8, 4), (12, 4), (16, 1), (17, 1), (18, 1), (19, 1), (20, 1)]
                .iter()
                .for_each(|&(offset, width)| anatomy.big(at + offset, width));
        } else {
            // What compressed data begin with says how they go on.
            (8..20).filter(|offset| at + offset < end - 4).for_each(|offset| anatomy.big(at + offset, 1));
        }
        anatomy.big(end - 4, 4);
        at = end;
    }
    anatomy
}

/// Segments behind markers; all bytes of those that describe the picture and its codes are numbers.
pub(super) fn jpeg(bytes: &[u8]) -> Anatomy {
    let mut anatomy = Anatomy::default();
    let mut at = 0;
    while at + 4 <= bytes.len() {
        let marker = bytes[at + 1];
        if bytes[at] != 0xff || marker == 0 || marker == 0xff {
            at += 1;
            continue;
        }
        anatomy.big(at + 1, 1);
        if marker == 0xd8 || (0xd0..=0xd7).contains(&marker) {
            anatomy.parts.push(at..at + 2);
            at += 2;
            continue;
        }
        let length = big(bytes, at + 2, 2);
        anatomy.big(at + 2, 2);
        anatomy.parts.push(at..at + 2 + length);
        let described = match marker {
            // Frame, scan.
            0xc0..=0xc3 | 0xda => {
                anatomy.big(at + 5, 2);
                anatomy.big(at + 7, 2);
                length
            }
            // The counts of Huffman codes, and the kind of a table.
            0xc4 => 22,
            _ => 6,
        };
        (4..described.min(length)).for_each(|offset| anatomy.big(at + offset, 1));
        at += 2 + length;
    }
    anatomy
}

/// A compound file of one workbook, laid out as the good one is: header, table, directory, and its records.
pub(super) fn xls(bytes: &[u8]) -> Anatomy {
    const SECTOR: usize = 512;
    let mut anatomy = Anatomy::default();
    (24..34).step_by(2).for_each(|at| anatomy.little(at, 2));
    (44..80).step_by(4).for_each(|at| anatomy.little(at, 4));
    (SECTOR..SECTOR + 64).step_by(4).for_each(|at| anatomy.little(at, 4));
    for entry in [2 * SECTOR, 2 * SECTOR + 128] {
        [(64, 2), (66, 1), (68, 4), (72, 4), (76, 4), (116, 4), (120, 4), (124, 4)]
            .iter()
            .for_each(|&(offset, width)| anatomy.little(entry + offset, width));
        anatomy.parts.push(entry..entry + 128);
    }
    anatomy.parts.extend([0..SECTOR, SECTOR..2 * SECTOR, 2 * SECTOR..3 * SECTOR]);
    let mut at = 3 * SECTOR;
    while at + 4 <= bytes.len() && little(bytes, at, 2) != 0 {
        let length = little(bytes, at + 2, 2);
        anatomy.little(at, 2);
        anatomy.little(at + 2, 2);
        anatomy.parts.push(at..at + 4 + length);
        (4..4 + length.min(16)).step_by(2).for_each(|offset| anatomy.little(at + offset, 2));
        if little(bytes, at, 2) == 0x0203 {
            anatomy.reals.push((at + 10, 8));
        }
        at += 4 + length;
    }
    anatomy
}

/// The checksum and the length of the numbers put right.
pub(super) fn repair_checkpoint(bytes: &mut [u8]) {
    if bytes.len() < 32 {
        return;
    }
    let rest = bytes.len() - 32;
    let metadata = little(bytes, 16, 8).min(rest);
    bytes[16..24].copy_from_slice(&metadata.to_le_bytes());
    bytes[24..32].copy_from_slice(&(rest - metadata).to_le_bytes());
    let checksum = crc32fast::hash(&bytes[16..]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
}

/// The checksums of members put right, in their headers and in the directory.
pub(super) fn repair_zip(bytes: &mut [u8]) {
    let starts = |bytes: &[u8], with: &[u8]| -> Vec<usize> {
        (0..bytes.len().saturating_sub(46)).filter(|&at| bytes[at..].starts_with(with)).collect()
    };
    let entries = starts(bytes, b"PK\x01\x02");
    for at in starts(bytes, b"PK\x03\x04") {
        let start = at + 30 + little(bytes, at + 26, 2) + little(bytes, at + 28, 2);
        let size = little(bytes, at + 18, 4);
        // Of what is compressed, the checksum is that of what it unpacks to, which has not changed.
        let Some(part) = bytes.get(start..start + size).filter(|_| little(bytes, at + 8, 2) == 0) else {
            continue;
        };
        let checksum = crc32fast::hash(part).to_le_bytes();
        bytes[at + 14..at + 18].copy_from_slice(&checksum);
        for &entry in entries.iter().filter(|&&entry| little(bytes, entry + 42, 4) == at).collect::<Vec<_>>()
        {
            bytes[entry + 16..entry + 20].copy_from_slice(&checksum);
        }
    }
}

/// The checksums of chunks put right.
pub(super) fn repair_png(bytes: &mut [u8]) {
    let mut at = 8;
    while at + 12 <= bytes.len() {
        let end = at + 12 + big(bytes, at, 4);
        let Some(chunk) = bytes.get(at + 4..end - 4).filter(|_| end <= bytes.len()) else { return };
        let checksum = crc32fast::hash(chunk).to_be_bytes();
        bytes[end - 4..end].copy_from_slice(&checksum);
        at = end;
    }
}
