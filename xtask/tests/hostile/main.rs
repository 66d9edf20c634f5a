//! Data files, spreadsheets and records that are not what they say: an error every time, never a panic, and memory in
//! proportion to the file.
//!
//! `GMP_MUTATIONS=1000000 cargo test -p xtask --test hostile` for more than the 100,000 a reader of an ordinary test.
//! `cargo test -p xtask --test hostile -- --ignored` writes the good files to `fuzz/seeds`.

#[path = "../../../gmp-train/tests/hostile/mutation.rs"]
mod mutation;
#[path = "../data_fetch/published.rs"]
#[allow(dead_code, reason = "some of what another test makes files with")]
mod published;
mod xls;

use mutation::{Allowed, replay, with_peak};
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use xtask::data::catalog::{Dataset, Format};
use xtask::data::{Table, original};
use xtask::run::{Record, store, trace::Trace};
use xtask::train::fit::{Job, Settings};
use xtask::train::model::TableModel;
use xtask::train::samples::Samples;
use xtask::train::table::{self, TextTable};
use zip::write::{SimpleFileOptions, ZipWriter};

/// A set of three rows in one of the formats of the real ones.
fn dataset(format: Format) -> Dataset {
    let columns = match format {
        Format::Keel => &["At1", "At2", "Class"][..],
        _ => &["AT", "V", "AP", "RH", "PE"],
    };
    Dataset { rows: 3, source_columns: columns.len(), columns, format, ..*published::dataset("power") }
}

/// The formats, with what a file is called and how much memory reading it may take.
const FORMATS: [(&str, Format, &str, Allowed); 6] = {
    // A number of eight bytes takes two of text, in a list that doubles, and a text is checked as a whole.
    let text = Allowed { per_byte: 16, at_any_rate: 1 << 15 };
    [
        ("whitespace", Format::Whitespace, "a.data", text),
        ("delimited", Format::Delimited(b';'), "a.csv", text),
        ("keel", Format::Keel, "a.dat", text),
        // What an archive may unpack to, twice while a list grows.
        ("zip", Format::Whitespace, "a.zip", Allowed { per_byte: 2 * 64, at_any_rate: 3 << 20 }),
        ("xls", Format::Workbook, "a.xls", Allowed { per_byte: 16, at_any_rate: 1 << 15 }),
        ("xlsx", Format::Workbook, "a.xlsx", Allowed { per_byte: 1024, at_any_rate: 1 << 20 }),
    ]
};

fn good(reader: &str) -> Vec<Vec<u8>> {
    let original = |format| published::original(&dataset(format), 3);
    match reader {
        "csv" => vec![
            b"x,y\n1,2\n3,4.5e-3\n".to_vec(),
            b"\xef\xbb\xbf\"a \"\"quoted\"\" name\",b,c\r\n\r\n 1 , -2 ,3\r\n4,5,6\r\n".to_vec(),
        ],
        "table" => vec![classes(), b"x,y\n".iter().chain(&b"1,2.5\n".repeat(11)).copied().collect()],
        "table-model" => vec![table_model()],
        "whitespace" => vec![original(Format::Whitespace)],
        "delimited" => vec![original(Format::Delimited(b';'))],
        "keel" => vec![original(Format::Keel)],
        "zip" => {
            let text = original(Format::Whitespace);
            vec![published::archive(&[("a/Folds5x2_pp.xlsx", &text), ("README", b"read me")]).unwrap()]
        }
        "xls" => vec![xls::workbook(&xls::rows())],
        "xlsx" => vec![xlsx(&original(Format::Workbook), TEXTS), original(Format::Workbook)],
        "records" => vec![RECORDS.as_bytes().to_vec()],
        "trace" => vec![TRACE.as_bytes().to_vec()],
        _ => unreachable!("{reader}"),
    }
}

const READERS: [&str; 11] = [
    "csv",
    "table",
    "table-model",
    "whitespace",
    "delimited",
    "keel",
    "zip",
    "xls",
    "xlsx",
    "records",
    "trace",
];

const RECORDS: &str = concat!(
    r#"{"experiment":"fig3","dataset":"a","method":"GmP","lr":0.1,"protocol":"held-out","seed":3,"epoch_limit":9,"#,
    r#""data":"00ff","metric":"rmse","value":0.5,"validation":null,"epochs":9,"end":"epochs","seconds":1e-3,"#,
    r#""movement":{"location_mean":1,"location_median":2,"location_max":3,"direction_mean":4,"direction_median":5,"#,
    r#""direction_max":6,"unmoved":0,"loss_decrease":7},"version":"0.1.0"}"#,
    "\n",
    r#"{"experiment":"b","dataset":"c","method":"SP","lr":1,"protocol":"paper","seed":0,"epoch_limit":1,"data":"","#,
    r#""metric":"m","value":null,"validation":2,"epochs":0,"end":"","seconds":0,"version":""}"#,
    "\n"
);

const TRACE: &str = concat!(
    r#"{"epochs":[0.5,1.5],"location":{"mean":[1,null],"median":[1,2],"max":[1,2]},"direction":{"mean":[1],"#,
    r#""median":[],"max":[2]},"loss":[3,0.25],"snapshots":[[0,[1,2]],[9,[null,4e-3]]],"initial":[1],"#,
    r#""trained":[2],"frames":[{"epochs":0,"network":[1,2,3,null]},{"epochs":9,"network":[4,5,6,7],"batch":[]}],"angles":[0.5]}"#
);

/// A table of one's own: another delimiter, texts as classes, a name that nobody asked for.
fn classes() -> Vec<u8> {
    let rows = ["0.5;-1e2;red", "1.5;+3;\"green; or so\"", "2.5;.25;é"].map(|row| format!("{row}\r\n"));
    format!("\u{feff}length;\"wi\"\"dth\";kind\r\n{}", rows.concat().repeat(4)).into_bytes()
}

/// A network that was trained on it.
fn table_model() -> Vec<u8> {
    let table = TextTable::parse("a.csv", classes(), table::Format::default()).unwrap();
    let samples = Samples::read(&table, None, &[], None).unwrap();
    let settings = Settings {
        hidden: vec![2],
        activation: gmp_nn::Activation::Relu,
        loss: gmp_train::Loss::MeanSquaredError,
        batch_size: 4,
        epochs: 1,
        patience: 1,
        test: 0.2,
        validation: 0.2,
    };
    let job = Job { samples: &samples, settings: &settings, method: xtask::method::GMP, lr: 0.1, seed: 0 };
    let model = job.train(|_, _, _| ()).unwrap().0.unwrap().model;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    model.write(&file).unwrap();
    fs::read(file).unwrap()
}

/// The same spreadsheet with shared texts and with parts that are not compressed, so that mutations reach the XML.
fn xlsx(bytes: &[u8], texts: &str) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut add = |name: &str, text: &str| {
        to.start_file(name, options).unwrap();
        to.write_all(text.as_bytes()).unwrap();
    };
    for part in 0..from.len() {
        let mut part = from.by_index(part).unwrap();
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        // Without the rows that are merely formatted: five hundred of them would be all that mutations meet.
        if let (Some(start), Some(end)) = (text.find("<row r=\"5\">"), text.find("</sheetData>")) {
            text.replace_range(start..end, "");
        }
        let link = "<Relationship Id=\"rId9\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/\
                    sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>";
        text = text
            .replace("</Relationships>", if text.contains("/worksheet") { link } else { "</Relationships>" });
        text = text.replace("t=\"inlineStr\"><is><t>X0</t></is>", "t=\"s\"><v>1</v>");
        add(&part.name().unwrap(), &text);
    }
    add("xl/sharedStrings.xml", texts);
    to.finish().unwrap().into_inner()
}

const TEXTS: &str = "<sst count=\"2\" uniqueCount=\"2\"><si><t>one</t></si><si><t>two</t></si></sst>";

/// Checksums of an archive are not the reader's only defence: half of the mutations have parts whose sums fit.
fn with_checksums(bytes: &mut [u8]) {
    let headers: Vec<usize> =
        (0..bytes.len().saturating_sub(30)).filter(|&at| bytes[at..].starts_with(b"PK\x03\x04")).collect();
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    for at in headers {
        let name = usize::from(u16::from_le_bytes([bytes[at + 26], bytes[at + 27]]));
        let (start, size) = (at + 30 + name, number(bytes, at + 18));
        let Some(part) = bytes.get(start..start.saturating_add(size)) else { continue };
        let checksum = crc32fast::hash(part).to_le_bytes();
        let place = (at as u32).to_le_bytes();
        bytes[at + 14..at + 18].copy_from_slice(&checksum);
        // The directory has it too, in the entry that names this place.
        let entry = (0..bytes.len().saturating_sub(46)).find(|&entry| {
            bytes[entry..].starts_with(b"PK\x01\x02") && bytes[entry + 42..entry + 46] == place
        });
        if let Some(entry) = entry {
            bytes[entry + 16..entry + 20].copy_from_slice(&checksum);
        }
    }
}

#[test]
fn hostile_tables_are_errors() {
    let read = |bytes: &[u8]| Table::parse_csv("a.csv", bytes).ok();
    let look = |table: Table| {
        assert_eq!(table.values.len(), table.rows * table.cols);
        assert!(table.rows >= 2 && table.cols >= 2 && table.values.iter().all(|value| value.is_finite()));
    };
    replay("csv", &good("csv"), Allowed { per_byte: 32, at_any_rate: 1 << 15 }, |_, _| {}, read, look);
}

#[test]
fn hostile_tables_of_one_s_own_are_errors() {
    let read = |bytes: &[u8]| {
        let table = TextTable::parse("a.csv", bytes.to_vec(), table::Format::default()).ok()?;
        Samples::read(&table, None, &[], None).ok()
    };
    let look = |samples: Samples| assert!(samples.data.samples() >= 10);
    // A cell of two bytes is a number of eight, in lists that double; a text is kept twice.
    replay("table", &good("table"), Allowed { per_byte: 64, at_any_rate: 1 << 16 }, |_, _| {}, read, look);
}

#[test]
fn hostile_networks_of_tables_are_errors() {
    let read = |bytes: &[u8]| TableModel::from_bytes(Path::new("m.safetensors"), bytes).ok();
    let look = |model: TableModel| {
        let answers = model.outputs(&vec![0.5; 3 * model.columns.inputs.len()]);
        assert_eq!(answers.len(), 3 * model.columns.outputs());
    };
    let allowed = Allowed { per_byte: 64, at_any_rate: 1 << 16 };
    replay("table-model", &good("table-model"), allowed, |_, _| {}, read, look);
}

#[test]
fn hostile_originals_are_errors() {
    // Panics of the library are caught at the rim; describing them takes more memory than the files do.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|at| !at.file().contains("calamine")) {
            hook(panic);
        }
    }));
    for (reader, format, origin, allowed) in FORMATS {
        let dataset = dataset(format);
        let read = |bytes: &[u8]| original::convert(&dataset, origin, bytes).ok();
        let look = |table: Table| assert_eq!((table.rows, table.values.len()), (3, 3 * table.cols));
        let repair = |bytes: &mut Vec<u8>, rng: &mut gmp_nn::Rng| {
            if bytes.starts_with(b"PK") && rng.below(2) == 0 {
                with_checksums(bytes);
            }
        };
        replay(reader, &good(reader), allowed, repair, read, look);
    }
}

#[test]
fn hostile_records_and_traces_are_errors() {
    let allowed = Allowed { per_byte: 32, at_any_rate: 1 << 14 };
    let read = |bytes: &[u8]| {
        let (records, damaged) = store::parse(bytes);
        damaged.is_empty().then_some(records)
    };
    let look = |records: Vec<Record>| records.iter().for_each(|record| drop(record.run.slug()));
    replay("records", &good("records"), allowed, |_, _| {}, read, look);
    replay("trace", &good("trace"), allowed, |_, _| {}, Trace::parse, drop);
}

/// Every kind of cell is read as what it holds.
#[test]
fn an_xls_file_by_hand() {
    let table = original::convert(&dataset(Format::Workbook), "a.xls", &good("xls")[0]).unwrap();
    assert_eq!(
        table.values,
        [1.5, 2.5, 3.5, 4.5, 5.5, 7.0, 8.0, 9.0, 10.0, 11.0, 0.25, 0.25, 0.25, 0.25, 4.5]
    );
}

/// What a few bytes can claim. The library that reads `.xlsx` asks for 128 GiB for the first, and 96 GB for the texts.
#[test]
fn claimed_sizes_of_sheets_cost_nothing() {
    let convert = |origin: &str, bytes: &[u8]| {
        let dataset = dataset(Format::Workbook);
        let (result, peak) = with_peak(|| original::convert(&dataset, origin, bytes));
        assert!(peak < 4 << 20, "{origin}: {peak} bytes");
        result.unwrap_err().to_string()
    };
    assert_eq!(
        convert("far.xls", &xls::workbook(&xls::far())),
        "far.xls, line 65536: 65536 cells; expected 256, one for each column"
    );
    let vast = [xls::vast(), xls::rows()].concat();
    let table = original::convert(&dataset(Format::Workbook), "vast.xls", &xls::workbook(&vast)).unwrap();
    assert_eq!(table.rows, 3);
    // A chain of sectors that leads back into itself; it was a fuzzer that found what this did.
    let mut circle = xls::workbook(&xls::rows())[..516].to_vec();
    circle[68..72].fill(0);
    circle[512..].fill(0);
    assert!(convert("circle.xls", &circle).contains("no workbook"));
    let sheet = "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    let error = convert("far.xlsx", &published::workbook_of(&[sheet]));
    assert!(error.contains("16384 cells"), "{error}");
    // More texts than there is memory for: the library would end the process.
    let workbook = published::original(&dataset(Format::Workbook), 3);
    for count in ["4000000000", "99999999999"] {
        let texts = TEXTS.replace("uniqueCount=\"2", &format!("uniqueCount=\"{count}"));
        let error = convert("texts.xlsx", &xlsx(&workbook, &texts));
        assert!(error.contains("more texts than it has bytes"), "{error}");
    }
    // Half a megabyte of nothing much, in a thousandth of that.
    let bomb = published::workbook_of(&[&"<row r=\"1\"/>".repeat(1 << 19)]);
    let error = convert("bomb.xlsx", &bomb);
    assert!(error.contains("larger than the limit"), "{} bytes: {error}", bomb.len());
}

#[test]
#[ignore = "writes fuzz/seeds"]
fn write_the_seeds() {
    for reader in READERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(reader);
        fs::create_dir_all(&folder).unwrap();
        for (i, bytes) in good(reader).iter().enumerate() {
            fs::write(folder.join(format!("good-{i}")), bytes).unwrap();
        }
    }
}
