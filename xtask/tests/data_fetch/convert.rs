//! Originals that are not what they should be, and the publishers' own.

use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};

use xtask::data::{
    Table,
    catalog::{DATASETS, Dataset, Format},
    fetch::{Fetcher, Source},
    original,
};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    Outcomes, limits,
    published::{archive, dataset, original, published, rows_of_text, workbook_of},
};

#[test]
fn changed_originals_are_refused_with_the_place() -> Outcomes {
    let convert = |name: &str, origin: &str, bytes: &[u8]| {
        original::convert(dataset(name), origin, bytes).map(|_| ()).expect_err("must be refused").to_string()
    };
    for dataset in DATASETS {
        let short = convert(dataset.name, dataset.addresses[0], &published(dataset, dataset.rows - 1)?);
        let expected =
            format!("{} rows; expected {} (a cut-off or changed file?)", dataset.rows - 1, dataset.rows);
        assert!(short.ends_with(&expected), "{}: {short}", dataset.name);
        let narrow = Dataset { source_columns: dataset.source_columns - 1, ..*dataset };
        let line = match dataset.format {
            Format::Whitespace => 1,
            Format::Delimited(_) | Format::Workbook => 2,
            Format::Keel => 5,
        };
        let (found, wanted) = (narrow.source_columns, dataset.source_columns);
        let message = convert(dataset.name, dataset.addresses[0], &published(&narrow, dataset.rows)?);
        let expected = format!(
            "{}, line {line}: {found} cells; expected {wanted}, one for each column",
            dataset.addresses[0]
        );
        assert!(message.ends_with(&expected), "{}: {message}", dataset.name);
    }

    let text = rows_of_text(dataset("yacht"), 308, " ");
    assert_eq!(
        convert("yacht", "y.data", text.replacen("-100 ", "NA ", 1).as_bytes()),
        "y.data, line 1, column \"longitudinal_position\": \"NA\" is not a number; expected a finite number such \
         as 0.5 or 1e-3"
    );
    let banana = original(dataset("banana"), 5300);
    let relabelled = String::from_utf8(banana)?.replacen(", -1\n", ", 2\n", 1);
    assert_eq!(
        convert("banana", "b.dat", relabelled.as_bytes()),
        "b.dat, data row 1, column \"Class\": 2 is not a class; expected -1 or 1"
    );
    let sheet = "<row r=\"1\"/><row r=\"3\"><c r=\"A3\"><v>1</v></c></row><row r=\"4\"><c r=\"B4\" t=\"b\"><v>1</v></c></row>";
    assert_eq!(
        convert("power", "p.xlsx", &workbook_of(&[sheet])),
        "p.xlsx, line 4: 2 cells; expected 5, one for each column"
    );
    let far = "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    assert_eq!(
        convert("power", "p.xlsx", &workbook_of(&[far])),
        "p.xlsx, line 1048576: 16384 cells; expected 256, one for each column"
    );
    assert_eq!(
        convert("naval", "n.zip", &archive(&[("README.txt", b"read me"), ("data.csv", b"1,2")])?),
        "n.zip: holds no data.txt; it holds README.txt, data.csv"
    );
    assert_eq!(convert("naval", "n.zip", &archive(&[])?), "n.zip: holds no data.txt; it holds nothing");
    let damaged = convert("naval", "n.zip", b"PK\x03\x04 and so on");
    assert!(damaged.starts_with("n.zip: not a readable zip archive ("), "{damaged}");
    for name in ["c.xls", "c.xlsx"] {
        let damaged = convert("concrete", name, b"\xd0\xcf\x11\xe0 and so on");
        assert!(damaged.starts_with(&format!("{name}: not a readable spreadsheet (")), "{damaged}");
    }
    Ok(())
}

#[test]
fn converted_files_are_checked_column_by_column() -> Outcomes {
    let check = |header: &str| -> Result<String, Box<dyn std::error::Error>> {
        let row = vec!["1"; header.split(',').count()].join(",");
        let table = Table::parse_csv("p.csv", format!("{header}\n{row}\n{row}\n").as_bytes())?;
        Ok(original::check(dataset("power"), &table).expect_err("must be refused").to_string())
    };
    assert_eq!(check("AT,V,AP,Rh,PE")?, "p.csv: column 4 \"Rh\"; expected column 4 \"RH\"");
    assert_eq!(check("AT,V,AP,RH")?, "p.csv: no column 5; expected column 5 \"PE\"");
    assert_eq!(check("AT,V,AP,RH,PE,x")?, "p.csv: column 6 \"x\"; expected no column 6");
    assert_eq!(check("AT,V,AP,RH,PE")?, "p.csv: 2 rows; expected 9568 (a cut-off or changed file?)");
    Ok(())
}

#[test]
fn archives_that_unpack_without_end_are_refused() -> Outcomes {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("[Content_Types].xml", SimpleFileOptions::default())?;
    writer.start_file("data.txt", SimpleFileOptions::default().compression_level(Some(1)))?;
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..257 {
        writer.write_all(&zeros)?;
    }
    let bomb = writer.finish()?.into_inner();
    assert!(bomb.len() < 4 << 20, "small to download: {} bytes", bomb.len());
    let refused = |name: &str, origin: &str| {
        original::convert(dataset(name), origin, &bomb).map(|_| ()).expect_err("must be refused").to_string()
    };
    // An archive, and a spreadsheet is one, may unpack to 64 times its size.
    let limit = (64 * bomb.len()) >> 20;
    assert_eq!(refused("naval", "n.zip"), format!("data.txt in n.zip: larger than the limit of {limit} MiB"));
    assert_eq!(refused("energy", "e.xlsx"), format!("e.xlsx: larger than the limit of {limit} MiB"));
    Ok(())
}

#[test]
fn damaged_files_never_panic() -> Outcomes {
    let mut state = 1u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % limit
    };
    let small = Dataset { rows: 20, ..*dataset("power") };
    for (origin, whole) in [("p.xlsx", original(&small, 20)), ("p.zip", published(&small, 20)?)] {
        for _ in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..1 + below(8) {
                let at = below(bytes.len());
                bytes[at] = below(256) as u8;
            }
            bytes.truncate(if below(4) == 0 { below(bytes.len()) } else { bytes.len() });
            // Damage may be harmless or not; it must come back as an answer.
            if let Err(error) = original::convert(&small, origin, &bytes) {
                assert!(error.to_string().contains(origin), "{error}");
            }
        }
    }
    Ok(())
}

#[test]
fn damaged_xls_files_are_refused() -> Outcomes {
    let Ok(whole) = fs::read(shared().join("uci-original/Concrete_Data.xls")) else {
        println!("skipped: damaged .xls files, for want of shared/data/uci-original/Concrete_Data.xls");
        return Ok(());
    };
    let refused = |bytes: &[u8], what: &str| {
        let error = original::convert(dataset("concrete"), "c.xls", bytes).map(|_| ()).expect_err(what);
        assert!(error.to_string().starts_with("c.xls: not a readable spreadsheet ("), "{what}: {error}");
    };
    for size in (0..whole.len() * 3 / 4).step_by(whole.len() / 20) {
        refused(&whole[..size], &format!("cut off after {size} bytes"));
    }
    // A MULRK record (0x00BD) of eight cells, its first column moved behind its last: the reader panics.
    let record = |at: &usize| whole[*at..].starts_with(&[0xBD, 0, 54, 0]);
    let at = (0..whole.len()).find(record).ok_or("no such record in the file")?;
    let mut bytes = whole.clone();
    bytes[at + 6] = 200;
    refused(&bytes, "a record that ends before it begins");
    Ok(())
}

pub(crate) fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

#[test]
fn the_publishers_own_files_convert_cell_by_cell() -> Outcomes {
    let (originals, converted) = (shared().join("uci-original"), shared().join("uci"));
    if !originals.is_dir() || !converted.is_dir() {
        println!("skipped: the publishers' own files, for want of shared/data beside the repository");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let fetcher = Fetcher::new(Source::Folder(originals), limits());
    for name in ["boston", "concrete", "energy", "power", "wine", "yacht"] {
        let dataset = dataset(name);
        fetcher.fetch(dataset, dir.path(), false)?;
        let ours = Table::read_csv(dataset.path_in(dir.path()))?;
        let theirs = Table::read_csv(converted.join(format!("{name}.csv")))?;
        assert_eq!(ours.columns, theirs.columns, "{name}");
        assert_eq!((ours.rows, ours.cols), (theirs.rows, theirs.cols), "{name}");
        for (index, (a, b)) in ours.values.iter().zip(&theirs.values).enumerate() {
            assert_eq!(a, b, "{name}, row {}, column {}", index / ours.cols, index % ours.cols);
        }
    }
    for name in ["naval", "boston"] {
        let table = Table::read_csv(converted.join(format!("{name}.csv")))?;
        original::check(dataset(name), &table)?;
        assert_eq!(table.constant_columns(), if name == "naval" { vec![8, 11] } else { vec![] });
    }
    original::check(dataset("banana"), &Table::read_csv(shared().join("banana.csv"))?)?;
    Ok(())
}
