//! The first sheet of an `.xls` file of Excel 97 to 2003: BIFF8 records (\[MS-XLS\]) in the sectors of a compound file
//! (\[MS-CFB\]).
//!
//! The library that reads `.xlsx` files here reads these too, but lays every sheet out densely, at whatever size the
//! file claims: a few kilobytes can make it ask for a hundred gigabytes. This reads a cell at a time, and no length
//! that a file states is believed before that many bytes are seen.

use super::error::{CellProblem, DataError};
use super::workbook::Cell;

// Records, by their names in [MS-XLS].
const BOF: u16 = 0x0809;
const EOF: u16 = 0x000a;
const FILE_PASS: u16 = 0x002f;
const CONTINUE: u16 = 0x003c;
const BOUND_SHEET: u16 = 0x0085;
const SST: u16 = 0x00fc;
const LABEL_SST: u16 = 0x00fd;
const MUL_RK: u16 = 0x00bd;
const FORMULA: u16 = 0x0006;
const NUMBER: u16 = 0x0203;
const LABEL: u16 = 0x0204;
const BOOL_ERR: u16 = 0x0205;
const RK: u16 = 0x027e;

/// Calls `push` with row and column, from 0, and content of every cell of the first sheet that is not empty.
///
/// # Errors
/// What `push` refuses, and what is wrong with the file, through `damaged`.
pub(super) fn read(
    bytes: &[u8],
    damaged: &dyn Fn(&str) -> DataError,
    push: &mut dyn FnMut(u32, u32, Cell) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let stream = Compound::open(bytes).and_then(|file| file.stream("Workbook"));
    let stream = stream.ok_or_else(|| damaged("it contains no workbook of Excel 97 to 2003"))?;
    let mut records = Records(&stream);
    if !records.next().is_some_and(|(kind, data)| kind == BOF && u16_at(data, 0) == Some(0x0600)) {
        return Err(damaged("not of Excel 97 to 2003"));
    }
    let (mut sheet, mut strings) = (None, Vec::new());
    while let Some((kind, data)) = records.next() {
        match kind {
            FILE_PASS => return Err(damaged("protected by a password")),
            // Its place, whether it is hidden, and what it is: 0 for cells.
            BOUND_SHEET if sheet.is_none() && data.get(5) == Some(&0) => sheet = u32_at(data, 0),
            SST => {
                let texts = shared_strings(data.get(8..).unwrap_or_default(), &mut records);
                strings = texts.ok_or_else(|| damaged("texts are cut off"))?;
            }
            EOF => break,
            _ => {}
        }
    }
    let sheet = sheet.and_then(|at| stream.get(at as usize..)).ok_or_else(|| damaged("no sheet"))?;
    // Charts within the sheet are records between a BOF and an EOF of their own.
    let mut depth = 0_usize;
    for (kind, data) in Records(sheet) {
        match kind {
            BOF => depth += 1,
            EOF if depth == 1 => return Ok(()),
            EOF => depth = depth.saturating_sub(1),
            _ if depth == 1 => {
                cells(kind, data, &strings, push).ok_or_else(|| damaged("a damaged cell"))??
            }
            _ => {}
        }
    }
    Err(damaged("a sheet without an end"))
}

/// Pushes what a record holds of cells; none where its bytes do not suffice.
fn cells(
    kind: u16,
    data: &[u8],
    strings: &[String],
    push: &mut dyn FnMut(u32, u32, Cell) -> Result<(), DataError>,
) -> Option<Result<(), DataError>> {
    if ![NUMBER, RK, MUL_RK, LABEL_SST, LABEL, BOOL_ERR, FORMULA].contains(&kind) {
        return Some(Ok(()));
    }
    let (row, column) = (u32::from(u16_at(data, 0)?), u32::from(u16_at(data, 2)?));
    let text = |text: &str| (!text.trim().is_empty()).then(|| CellProblem::check(text));
    let cell = match kind {
        NUMBER => Some(number(f64_at(data, 6)?)),
        RK => Some(number(packed(u32_at(data, 6)?))),
        MUL_RK => {
            // A format and a number per cell, and the last column at the end.
            let (several, end) = data.get(4..)?.split_last_chunk()?;
            let several = several.chunks_exact(6);
            if u32::from(u16::from_le_bytes(*end)) + 1 != column + several.len() as u32 {
                return None;
            }
            let mut pushed = several.zip(column..).map(|(cell, column)| {
                u32_at(cell, 2).map_or(Ok(()), |bits| push(row, column, number(packed(bits))))
            });
            return Some(pushed.find(Result::is_err).unwrap_or(Ok(())));
        }
        LABEL_SST => text(strings.get(u32_at(data, 6)? as usize)?),
        LABEL => text(&Text { pieces: vec![data.get(6..)?] }.string()?),
        BOOL_ERR => Some(Err(CellProblem::NotANumber("a Boolean or an error value".to_string()))),
        // The formula's last value; other than numbers end in two bytes of ones.
        _ => Some(match data.get(6..14)? {
            [.., 0xff, 0xff] => Err(CellProblem::NotANumber("a formula's text".to_string())),
            _ => number(f64_at(data, 6)?),
        }),
    };
    Some(cell.map_or(Ok(()), |cell| push(row, column, cell)))
}

fn number(value: f64) -> Cell {
    if value.is_finite() { Ok(value) } else { Err(CellProblem::NotFinite(value.to_string())) }
}

/// A number in 30 bits: an integer or the upper part of a double, either of them perhaps in hundredths.
fn packed(bits: u32) -> f64 {
    let value = match bits & 2 {
        0 => f64::from_bits(u64::from(bits & !3) << 32),
        _ => f64::from(bits.cast_signed() >> 2),
    };
    if bits & 1 == 0 { value } else { value / 100.0 }
}

/// Kinds and contents of records, up to one that is cut off.
#[derive(Clone)]
struct Records<'a>(&'a [u8]);
impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);
    fn next(&mut self) -> Option<Self::Item> {
        let (kind, length) = (u16_at(self.0, 0)?, usize::from(u16_at(self.0, 2)?));
        let data = self.0.get(4..4 + length)?;
        self.0 = &self.0[4 + length..];
        Some((kind, data))
    }
}

/// The texts of all cells, in a record and those that continue it.
fn shared_strings(first: &[u8], records: &mut Records<'_>) -> Option<Vec<String>> {
    let mut pieces = vec![first];
    while let Some((CONTINUE, data)) = records.clone().next() {
        records.next();
        pieces.push(data);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces.reverse();
    let (mut text, mut strings) = (Text { pieces }, Vec::new());
    while text.pieces.len() > 1 || text.pieces.last().is_some_and(|piece| !piece.is_empty()) {
        strings.push(text.string()?);
    }
    Some(strings)
}

/// Characters in pieces, the next one last.
struct Text<'a> {
    pieces: Vec<&'a [u8]>,
}
impl Text<'_> {
    fn byte(&mut self) -> Option<u8> {
        while self.pieces.last()?.is_empty() {
            self.pieces.pop();
        }
        self.pieces.last_mut()?.split_off_first().copied()
    }
    fn number(&mut self, bytes: u32) -> Option<u64> {
        (0..bytes).try_fold(0, |number, i| Some(number | u64::from(self.byte()?) << (8 * i)))
    }

    /// A length in characters, flags, what the flags announce, the characters, and what was announced.
    fn string(&mut self) -> Option<String> {
        let (length, flags) = (self.number(2)?, self.number(1)?);
        let formats = if flags & 8 == 0 { 0 } else { self.number(2)? };
        let more = if flags & 4 == 0 { 0 } else { self.number(4)? };
        let (mut units, mut wide) = (Vec::new(), flags & 1 != 0);
        for _ in 0..length {
            if self.pieces.last()?.is_empty() {
                // A text that goes on in the next piece says anew how wide its characters are.
                wide = self.byte()? & 1 != 0;
            }
            units.push(self.number(if wide { 2 } else { 1 })? as u16);
        }
        (0..4 * formats + more).try_for_each(|_| self.byte().map(|_| ()))?;
        Some(String::from_utf16_lossy(&units))
    }
}

/// A file of streams in chains of sectors.
struct Compound<'a> {
    bytes: &'a [u8],
    sector: usize,
    /// The sectors that say which follows which.
    table: Vec<u32>,
    directory: Vec<u8>,
}

impl<'a> Compound<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            return None;
        }
        let sector = match u16_at(bytes, 30)? {
            9 => 512,
            12 => 4096,
            _ => return None,
        };
        let mut file = Self { bytes, sector, table: Vec::new(), directory: Vec::new() };
        // 109 numbers of such sectors in the header, the others in a chain whose sectors end in the next one's number.
        let listed = |bytes: &[u8]| bytes.chunks_exact(4).filter_map(|n| u32_at(n, 0)).collect::<Vec<_>>();
        file.table = listed(bytes.get(76..512)?);
        let mut next = u32_at(bytes, 68)?;
        // No more of them than the file has sectors, whether or not the chain leads back into itself.
        for _ in 0..file.sectors() {
            let Some(more) = file.at(next) else { break };
            let mut more = listed(more);
            next = more.pop()?;
            file.table.extend(more);
        }
        file.directory = file.chain(u32_at(bytes, 48)?)?;
        Some(file)
    }

    fn sectors(&self) -> usize {
        self.bytes.len().div_ceil(self.sector)
    }

    /// Bytes of a sector, fewer at the end of the file; none beyond it and for the numbers that end a chain.
    fn at(&self, sector: u32) -> Option<&'a [u8]> {
        let start = (sector as usize).checked_add(1)?.checked_mul(self.sector)?;
        self.bytes.get(start..self.bytes.len().min(start.checked_add(self.sector)?)).filter(|s| !s.is_empty())
    }

    /// The bytes of a chain; none if it leads back into itself or out of the file.
    fn chain(&self, mut sector: u32) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for _ in 0..=self.sectors() {
            if sector == END {
                return Some(bytes);
            }
            bytes.extend_from_slice(self.at(sector)?);
            let numbers = self.sector / 4;
            let table = self.at(*self.table.get(sector as usize / numbers)?)?;
            sector = u32_at(table, sector as usize % numbers * 4)?;
        }
        None
    }

    /// The content of a stream by name.
    fn stream(&self, name: &str) -> Option<Vec<u8>> {
        let entries = || self.directory.chunks_exact(128);
        let is_it = |entry: &&[u8]| {
            let length = usize::from(u16_at(entry, 64).unwrap_or(0)).clamp(2, 64) - 2;
            let units = entry[..length].chunks_exact(2).filter_map(|unit| u16_at(unit, 0));
            char::decode_utf16(units).eq(name.chars().map(Ok))
        };
        let entry = entries().find(is_it)?;
        let (start, size) = (u32_at(entry, 116)?, u32_at(entry, 120)? as usize);
        let mut bytes = if size >= 4096 {
            self.chain(start)?
        } else {
            // Small streams lie in sectors of 64 bytes within a stream of their own: that of the first entry.
            let (small, table) = (self.chain(u32_at(entries().next()?, 116)?)?, u32_at(self.bytes, 60)?);
            let table = self.chain(table)?;
            let (mut bytes, mut sector) = (Vec::new(), start);
            while sector != END && bytes.len() < size {
                let at = (sector as usize).checked_mul(64)?;
                bytes.extend_from_slice(small.get(at..small.len().min(at + 64))?);
                sector = u32_at(&table, (sector as usize).checked_mul(4)?)?;
            }
            bytes
        };
        (bytes.len() >= size).then(|| bytes.truncate(size))?;
        Some(bytes)
    }
}

/// The number that ends a chain of sectors.
const END: u32 = 0xffff_fffe;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
fn f64_at(bytes: &[u8], at: usize) -> Option<f64> {
    Some(f64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_numbers() {
        assert_eq!(packed(1.5_f64.to_bits().wrapping_shr(32) as u32), 1.5);
        assert_eq!(packed(((-7_i32) << 2 | 2).cast_unsigned()), -7.0);
        assert_eq!(packed((123 << 2 | 3) as u32), 1.23);
    }

    #[test]
    fn texts_that_go_on_in_other_records() {
        // "añb", its last character in the next record and wide there; then "c" with a format of four bytes.
        let next = [CONTINUE.to_le_bytes(), [11, 0]].concat();
        let next = [&next[..], &[1, b'b', 0, 1, 0, 8, 1, 0, b'c', 0, 0], &[0; 2]].concat();
        assert_eq!(shared_strings(&[3, 0, 0, b'a', 0xf1], &mut Records(&next[..15])), None, "cut off");
        let mut whole = next;
        whole[2] = 13;
        let strings = shared_strings(&[3, 0, 0, b'a', 0xf1], &mut Records(&whole));
        assert_eq!(strings.unwrap(), ["añb", "c"]);
    }
}
