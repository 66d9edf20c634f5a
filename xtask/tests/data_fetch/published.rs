//! Generated files in every format the data sets are published in.

use std::{
    error::Error,
    io::{Cursor, Write},
};

use xtask::data::catalog::{self, Dataset, Format};
use zip::{ZipWriter, write::SimpleFileOptions};

pub(crate) fn dataset(name: &str) -> &'static Dataset {
    catalog::find(name).expect("a name of the catalogue")
}

/// Cell of the generated original; a class in the last column of the banana set.
pub(crate) fn cell(dataset: &Dataset, row: usize, column: usize) -> f64 {
    if dataset.format == Format::Keel && column == 2 {
        return if row.is_multiple_of(3) { -1.0 } else { 1.0 };
    }
    (row * 31 + column * 7) as f64 * 0.25 - 100.0
}

pub(crate) fn rows_of_text(dataset: &Dataset, rows: usize, separator: &str) -> String {
    let line = |row| {
        let cells: Vec<String> =
            (0..dataset.source_columns).map(|column| cell(dataset, row, column).to_string()).collect();
        cells.join(separator) + "\n"
    };
    (0..rows).map(line).collect()
}

/// The file as published, before any zip archive.
pub(crate) fn original(dataset: &Dataset, rows: usize) -> Vec<u8> {
    match dataset.format {
        Format::Whitespace => rows_of_text(dataset, rows, "   ").replace("\n", " \r\n").into_bytes(),
        Format::Delimited(_) => {
            let header = vec!["\"a name\""; dataset.source_columns].join(";");
            format!("{header}\n{}", rows_of_text(dataset, rows, ";")).into_bytes()
        }
        Format::Keel => {
            let header = "@relation banana\n@attribute At1 real [-3.09,2.81]\n@inputs At1, At2\n@data\n";
            format!("{header}{}", rows_of_text(dataset, rows, ", ")).into_bytes()
        }
        Format::Workbook => workbook(dataset, rows),
    }
}

/// The file at the end of the data set's first address: the original itself or a zip archive of it.
pub(crate) fn published(dataset: &Dataset, rows: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let inner = original(dataset, rows);
    if !dataset.addresses[0].ends_with(".zip") {
        return Ok(inner);
    }
    let member = format!("Some Folder/{}", dataset.file);
    let decoy = format!("__MACOSX/{}", dataset.file);
    archive(&[("README.txt", b"read me"), (&decoy, b"not this one"), (&member, &inner)])
}

pub(crate) fn archive(members: &[(&str, &[u8])]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default())?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// A spreadsheet of two sheets; the first has a header row, numbers, and rows and columns with a format but no value.
fn workbook(dataset: &Dataset, rows: usize) -> Vec<u8> {
    let letter = |column: usize| char::from(b'A' + column as u8);
    let mut sheet = String::from("<row r=\"1\">");
    for column in 0..dataset.source_columns {
        let at = letter(column);
        sheet += &format!("<c r=\"{at}1\" t=\"inlineStr\"><is><t>X{column}</t></is></c>");
    }
    sheet += "</row>";
    for row in 0..rows {
        let number = row + 2;
        sheet += &format!("<row r=\"{number}\">");
        for column in 0..dataset.source_columns {
            sheet +=
                &format!("<c r=\"{}{number}\"><v>{}</v></c>", letter(column), cell(dataset, row, column));
        }
        sheet += &format!("<c r=\"{}{number}\" s=\"0\"/></row>", letter(dataset.source_columns));
    }
    for number in rows + 2..rows + 530 {
        sheet += &format!("<row r=\"{number}\"><c r=\"A{number}\" s=\"0\"/></row>");
    }
    workbook_of(&[&sheet, "<row r=\"1\"><c r=\"A1\"><v>7</v></c></row>"])
}

/// The least that makes a spreadsheet of these sheets' rows.
pub(crate) fn workbook_of(sheets: &[&str]) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let numbers = 1..=sheets.len();
    let each = |part: &dyn Fn(usize) -> String| numbers.clone().map(part).collect::<String>();
    let overrides = each(&|n| {
        format!(
            "<Override PartName=\"/xl/worksheets/sheet{n}.xml\" \
             ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>"
        )
    });
    let names = each(&|n| format!("<sheet name=\"Sheet{n}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>"));
    let links = each(&|n| {
        format!(
            "<Relationship Id=\"rId{n}\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        )
    });
    let mut parts = vec![
        (
            "[Content_Types].xml".to_string(),
            format!(
                "<Types xmlns=\"{package}/content-types\"><Default Extension=\"rels\" \
                 ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
                 <Override PartName=\"/xl/workbook.xml\" \
                 ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
                 {overrides}</Types>"
            ),
        ),
        (
            "_rels/.rels".to_string(),
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" \
                 Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml".to_string(),
            format!("<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets>{names}</sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels".to_string(),
            format!("<Relationships xmlns=\"{package}/relationships\">{links}</Relationships>"),
        ),
    ];
    for (n, rows) in numbers.clone().zip(sheets) {
        parts.push((
            format!("xl/worksheets/sheet{n}.xml"),
            format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    let members: Vec<(&str, &[u8])> =
        parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    archive(&members).expect("writing to memory")
}
