//! An `.xls` file by hand: there are libraries that read them and none that write them.

/// A record of \[MS-XLS\].
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
}

fn at(row: u16, column: u16) -> Vec<u8> {
    [row.to_le_bytes(), column.to_le_bytes(), [0; 2]].concat()
}

fn number(row: u16, column: u16, value: f64) -> Vec<u8> {
    record(0x0203, &[&at(row, column)[..], &value.to_le_bytes()].concat())
}

/// A sheet of a header row and three rows of five numbers, in every kind of cell that holds one.
pub(crate) fn rows() -> Vec<u8> {
    let mut records = Vec::new();
    // Dimensions: rows and columns from and to.
    records.extend(record(0x0200, &[0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 5, 0, 0, 0]));
    for column in 0..5 {
        // A text of the shared ones.
        records.extend(record(0x00fd, &[&at(0, column)[..], &u32::from(column % 3).to_le_bytes()].concat()));
    }
    for column in 0..5 {
        records.extend(number(1, column, 1.5 + f64::from(column)));
    }
    let packed = |value: i32| (value << 2 | 2).to_le_bytes();
    let mut several = at(2, 0);
    for value in 7..11 {
        several.splice(several.len().., [&packed(value)[..], &[0, 0]].concat());
    }
    several.extend([0, 0]);
    let end = several.len() - 4;
    several.truncate(end);
    several.extend(3_u16.to_le_bytes());
    records.extend(record(0x00bd, &several));
    records.extend(record(0x027e, &[&at(2, 4)[..], &packed(11)].concat()));
    for column in 0..4 {
        let formula = [&at(3, column)[..], &0.25_f64.to_le_bytes(), &[0; 8]].concat();
        records.extend(record(0x0006, &formula));
    }
    // A number as text.
    records.extend(record(0x0204, &[&at(3, 4)[..], &[3, 0, 0], b"4.5"].concat()));
    records
}

/// The workbook of one sheet of these records.
pub(crate) fn workbook(rows: &[u8]) -> Vec<u8> {
    let begin = |kind: u8| record(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut texts = vec![3, 0, 0, 0, 3, 0, 0, 0];
    texts.extend(*b"\x01\0\0a\x02\0\x01b\0c\0\x01\0\0d");
    let texts = record(0x00fc, &texts);
    let end = record(0x000a, &[]);
    let name = |place: u32| record(0x0085, &[&place.to_le_bytes()[..], &[0, 0, 1, 0, b'S']].concat());
    let place = begin(5).len() + name(0).len() + texts.len() + end.len();
    let mut stream = [&begin(5)[..], &name(place as u32), &texts, &end, &begin(16), rows, &end].concat();
    // From 4096 bytes on, a stream has sectors of its own.
    stream.resize(stream.len().max(4096).next_multiple_of(512), 0);
    compound(&stream)
}

/// A compound file of one stream: header, a sector of the table, one of the directory, and the stream's.
fn compound(stream: &[u8]) -> Vec<u8> {
    let sectors = stream.len() / 512;
    assert!(2 + sectors <= 128, "one sector of the table");
    let mut header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    header.resize(24, 0);
    header.extend([0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    header.resize(44, 0);
    for number in [1, 1, 0, 4096, END, 0, END, 0, 0] {
        header.extend(u32::to_le_bytes(number));
    }
    header.resize(512, 0xff);
    let mut table = [0xffff_fffd_u32, END].to_vec();
    table.extend((3..2 + sectors as u32).chain([END]));
    table.resize(128, u32::MAX);
    let table: Vec<u8> = table.iter().flat_map(|next| next.to_le_bytes()).collect();
    let entry = |name: &str, kind: u8, child: u32, start: u32, size: usize| {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry.resize(64, 0);
        entry.extend((2 * name.len() as u16 + 2).to_le_bytes());
        entry.extend([kind, 1]);
        for number in [u32::MAX, u32::MAX, child] {
            entry.extend(number.to_le_bytes());
        }
        entry.resize(116, 0);
        entry.extend(start.to_le_bytes());
        entry.extend((size as u64).to_le_bytes());
        entry
    };
    let mut directory = entry("Root Entry", 5, 1, END, 0);
    directory.extend(entry("Workbook", 2, u32::MAX, 2, stream.len()));
    directory.resize(512, 0);
    [&header[..], &table, &directory, stream].concat()
}

const END: u32 = 0xffff_fffe;

/// A number at the last row and column that the format can state.
pub(crate) fn far() -> Vec<u8> {
    [number(0, 0, 1.0), number(u16::MAX, u16::MAX, 1.0)].concat()
}

/// A sheet that says it has all rows and columns that can be stated.
pub(crate) fn vast() -> Vec<u8> {
    record(0x0200, &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0])
}
