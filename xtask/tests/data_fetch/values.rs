//! Values that are not the published ones.

use std::fs;

use xtask::data::{
    Table,
    catalog::{DATASETS, Dataset},
    fetch::{self, Fetcher, Outcome, Source, State},
    original, values,
};

use super::{
    Outcomes, convert, limits,
    published::{dataset, original as generated},
};

/// The yacht set as if the generated values were the published ones.
fn yacht() -> Result<Dataset, Box<dyn std::error::Error>> {
    let yacht = dataset("yacht");
    let table = original::convert(yacht, "y.data", &generated(yacht, yacht.rows))?;
    let row_digests = values::row_digests(&table).leak();
    Ok(Dataset { digests: values::digests(&table).leak(), row_digests, ..*yacht })
}

#[test]
fn other_values_are_refused_by_name_unless_accepted() -> Outcomes {
    let yacht = yacht()?;
    let (source, dir) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let file = source.path().join("yacht_hydrodynamics.data");
    let text = String::from_utf8(generated(&yacht, yacht.rows))?;
    let path = yacht.path_in(dir.path());
    let strict = Fetcher::new(Source::parse(source.path())?, limits());
    let lenient = Fetcher::new(Source::parse(source.path())?, limits()).accept_other_values(true);

    // The second row's second column, and zeros as a captive portal of numbers would have them.
    let one = text.replacen("-90.5", "-90.50001", 1);
    let zeros = "0 0 0 0 0 0 0\n".repeat(308);
    let swapped = {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(100, 200);
        lines.join("\n")
    };
    let all = "column 1 \"longitudinal_position\", column 2 \"prismatic_coefficient\", column 3 \"length_displacement_ratio\", …";
    for (text, expected) in [
        (&one, "1 of 7 columns: column 2 \"prismatic_coefficient\", first in row 2".to_owned()),
        (&zeros, format!("7 of 7 columns: {all}, first in row 1")),
        (&swapped, format!("7 of 7 columns: {all}, first in row 101")),
    ] {
        fs::write(&file, text)?;
        let error = strict.fetch(&yacht, dir.path(), false).unwrap_err().to_string();
        let start = format!(
            "{}: the values differ from the published ones in {expected}; --accept takes",
            file.display()
        );
        assert!(error.starts_with(&start), "{error}");
        assert!(!path.exists());
    }
    fs::write(&file, &one)?;
    assert!(matches!(lenient.fetch(&yacht, dir.path(), false)?, Outcome::Fetched(_)));
    assert_eq!(lenient.fetch(&yacht, dir.path(), false)?, Outcome::Kept);
    assert!(matches!(fetch::state(&yacht, &path), State::OtherValues(_)));

    // Without a word the user's file is neither taken for the published one nor replaced.
    let before = fs::read(&path)?;
    fs::write(&file, &text)?;
    let error = strict.fetch(&yacht, dir.path(), false).unwrap_err().to_string();
    assert!(error.contains("yacht.csv: the values differ") && error.contains("--force"), "{error}");
    assert_eq!(fs::read(&path)?, before);
    assert!(matches!(strict.fetch(&yacht, dir.path(), true)?, Outcome::Fetched(_)));
    assert!(matches!(fetch::state(&yacht, &path), State::Published));
    assert_eq!(strict.fetch(&yacht, dir.path(), false)?, Outcome::Kept);
    Ok(())
}

#[test]
fn digests_are_of_values_and_not_of_how_they_are_written() -> Outcomes {
    let one = Table::parse_csv("a.csv", b"x,y\n1.50,0\n-2,3\n")?;
    let other = Table::parse_csv("b.csv", b"u,v\r\n15e-1,-0.0\r\n-2.0,3\r\n")?;
    assert_eq!(values::digests(&one), values::digests(&other));
    // From Python: hashlib.sha256(struct.pack("<2d", 1.5, -2.0)).hexdigest()[:16], and of 0.0 and 3.0.
    assert_eq!(values::digests(&one), [0xbd179027e5d89aea, 0x71f6bfa4d494ae1b]);
    // The same of the rows 1.5, 0.0 and -2.0, 3.0: the first four digits.
    assert_eq!(values::row_digests(&one), values::row_digests(&other));
    assert_eq!(values::row_digests(&one), [0x2e, 0x51, 0x71, 0xdf]);
    let swapped = Table::parse_csv("a.csv", b"x,y\n-2,3\n1.5,0\n")?;
    assert!(values::digests(&one).iter().zip(values::digests(&swapped)).all(|(a, b)| *a != b));
    Ok(())
}

#[test]
fn every_data_set_of_the_catalogue_has_a_digest_for_each_column_and_row() {
    for dataset in DATASETS {
        assert_eq!(dataset.digests.len(), dataset.columns.len(), "{}", dataset.name);
        assert_eq!(dataset.row_digests.len(), 2 * dataset.rows, "{}", dataset.name);
    }
}

#[test]
fn the_known_files_have_the_digests_of_the_catalogue() -> Outcomes {
    let shared = convert::shared();
    if !shared.join("uci").is_dir() {
        println!("skipped: digests of the known files, for want of shared/data beside the repository");
        return Ok(());
    }
    for dataset in DATASETS {
        let path = dataset.path_in(&shared);
        assert!(matches!(fetch::state(dataset, &path), State::Published), "{}", dataset.name);
        assert_eq!(values::row_digests(&Table::read_csv(&path)?), dataset.row_digests, "{}", dataset.name);
    }
    Ok(())
}
