//! What the CSV reader accepts, what it refuses, and in which words.

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use xtask::data::Table;

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    match Table::parse_csv("a.csv", bytes.as_ref()) {
        Ok(table) => format!("accepted: {table:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn bad_tables_are_refused_with_the_place_and_the_expectation() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "a.csv: the file is empty; expected a header line and at least 2 rows of numbers"),
        (b" \n\r\n\n", "a.csv: the file is empty; expected a header line and at least 2 rows of numbers"),
        (b"x,y\n", "a.csv: a header line only; expected at least 2 rows of numbers below it"),
        (
            b"x,y\n\n1,2\n",
            "a.csv, line 3: the only row; expected at least 2, one for training and one for test",
        ),
        (
            b"x,y\n1,2\n3,abc\n",
            r#"a.csv, line 3, column "y": "abc" is not a number; expected a finite number such as 0.5 or 1e-3"#,
        ),
        (
            b"x,y\n1,2\n?,4\n",
            r#"a.csv, line 3, column "x": "?" is not a number; expected a finite number such as 0.5 or 1e-3"#,
        ),
        (b"x,y\n1,2\n,4\n", r#"a.csv, line 3, column "x": the cell is empty; expected a number"#),
        (b"x,y\n1,NaN\n3,4\n", r#"a.csv, line 2, column "y": "NaN" is not finite; expected a finite number"#),
        (
            b"x,y\n1,2\n-inf,4\n",
            r#"a.csv, line 3, column "x": "-inf" is not finite; expected a finite number"#,
        ),
        (
            b"x,y\n1,2\n1e999,4\n",
            r#"a.csv, line 3, column "x": "1e999" is not finite; expected a finite number"#,
        ),
        (b"x,y\n1,2\n3,4,5\n", "a.csv, line 3: 3 cells; expected 2, one for each column"),
        (b"x,y\n1,2\n3\n", "a.csv, line 3: 1 cell; expected 2, one for each column"),
        (
            b"x;y\n1;2\n3;4\n",
            "a.csv, line 1: one column, \"x;y\"; expected at least one input column and then the target, \
             separated by commas",
        ),
        (b"x,y\n1,2\n3,\xff\n", "a.csv, line 3: not UTF-8 text; expected a text file saved as UTF-8"),
        (
            b"1,2\n3,4\n5,6\n",
            "a.csv, line 1: every cell is a number, so the header line seems to be missing; expected the names \
             of the columns",
        ),
        (
            b",x,y\n0,1,2\n1,3,4\n",
            "a.csv, line 1: column 1 has no name; expected a name for every column (is it a row number?)",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(refusal(bytes), *message, "for {:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn line_numbers_are_those_of_an_editor() {
    let at_line = |bytes: &str, line: usize| {
        let message = refusal(bytes);
        assert!(message.starts_with(&format!("a.csv, line {line}, column \"y\"")), "{bytes:?}: {message}");
    };
    at_line("x,y\n1,2\n3,?\n", 3);
    at_line("x,y\r\n1,2\r\n3,?\r\n", 3);
    at_line("x,y\r1,2\r3,?\r", 3);
    at_line("\n\nx,y\n\n1,2\n\n\n3,?\n", 8);
    at_line("\r\n\r\nx,y\r\n\r\n1,2\r\n\r\n3,?", 7);
    at_line("\u{feff}x,y\n1,2\n3,?", 3);
    at_line("\"x\n(in m)\",y\n1,2\n3,?\n", 4);
    at_line("x,y\n1,2\n   \n3,?\n", 4);
}

#[test]
fn long_lines_and_cells_make_short_messages() {
    let long = format!("x,y\n1,2\n3,{}\n", "9".repeat(1 << 20));
    assert_eq!(refusal(long), "a.csv, line 3: longer than 1024 KiB; expected rows of numbers, one to a line");
    let word = format!("x,y\n1,2\n3,{}\n", "é".repeat(1000));
    let shown = format!("a.csv, line 3, column \"y\": \"{}…\" is not a number", "é".repeat(40));
    assert!(refusal(&word).starts_with(&shown), "{}", refusal(&word));
    assert!(!refusal("x,y\n1,2\n3,\"a\nb\"\n").contains('\n'), "a line break in a cell is shown escaped");
}

#[test]
fn files_that_cannot_be_read_are_named() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let message = |path: PathBuf| Table::read_csv(path).map(|_| ()).unwrap_err().to_string();
    let missing = folder.path().join("none.csv");
    assert_eq!(
        message(missing.clone()),
        format!("{}: no such file; expected a CSV file with a header line", missing.display())
    );
    assert_eq!(
        message(folder.path().to_path_buf()),
        format!("{}: is a directory; expected a CSV file with a header line", folder.path().display())
    );
    let huge = folder.path().join("huge.csv");
    fs::File::create(&huge)?.set_len((1 << 30) + 1)?;
    assert_eq!(message(huge.clone()), format!("{}: larger than the limit of 1024 MiB", huge.display()));
    Ok(())
}

#[test]
fn good_tables_are_read_as_people_write_them() -> Result<(), Box<dyn std::error::Error>> {
    let plain = Table::parse_csv("a.csv", b"x,flat,y\n1,7,2\n-3e2,7,.5\n")?;
    assert_eq!(plain.columns, ["x", "flat", "y"]);
    assert_eq!((plain.rows, plain.cols), (2, 3));
    assert_eq!(plain.values, [1.0, 7.0, 2.0, -300.0, 7.0, 0.5]);
    assert_eq!(plain.inputs(), [1.0, 7.0, -300.0, 7.0]);
    assert_eq!(plain.target(), [2.0, 0.5]);
    assert_eq!(plain.constant_columns(), [1]);
    for same in [
        "\u{feff}x,flat,y\r\n1,7,2\r\n-3e2,7,.5",
        " x , flat ,y\n\n 1 ,\t7,\"2\"\n \n-300.0,+7,0.5\n\n",
        "x,flat,y\r1,7,2\r-300,7,0.5\r",
    ] {
        assert_eq!(Table::parse_csv("a.csv", same.as_bytes())?, plain, "{same:?}");
    }
    Ok(())
}

#[test]
fn a_table_is_written_whole_or_not_at_all() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let table = Table::parse_csv("a.csv", b"x,y\n1,2\n3,4\n")?;
    let path = folder.path().join("new/deep/t.csv");
    table.write_csv(&path)?;
    assert_eq!(fs::read_to_string(&path)?, "x,y\n1,2\n3,4\n");
    assert_eq!(fs::read_dir(folder.path().join("new/deep"))?.count(), 1, "no temporary file is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let ordinary = fs::File::create(folder.path().join("ordinary"))?.metadata()?.permissions().mode();
        assert_eq!(
            fs::metadata(&path)?.permissions().mode(),
            ordinary,
            "permissions are those of any new file"
        );
    }

    // A folder stands where the file should go: the rename fails and must leave nothing behind.
    let taken = folder.path().join("taken");
    fs::create_dir_all(taken.join("t.csv/inside"))?;
    let error = table.write_csv(taken.join("t.csv")).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}: cannot rename the finished file: ", taken.join("t.csv").display())),
        "{error}"
    );
    assert_eq!(fs::read_dir(&taken)?.count(), 1, "no temporary file is left");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Table::parse_csv("a.csv", &bytes) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn near_tables_never_panic(text in r#"(x,y|a,b,c|"q)?[\r\n]{1,2}([0-9.,e"\-\r\n \t;é]|NaN|inf){0,60}"#) {
        match Table::parse_csv("a.csv", text.as_bytes()) {
            Ok(table) => {
                prop_assert!(table.rows >= 2 && table.cols >= 2);
                prop_assert_eq!(table.values.len(), table.rows * table.cols);
                prop_assert!(table.values.iter().all(|value| value.is_finite()));
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }

    #[test]
    fn lines_are_counted_whatever_the_line_break(
        blanks in prop::collection::vec(0usize..4, 1..8),
        newline in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let mut text = format!("x,y{newline}");
        let mut line = 1;
        for blank in &blanks {
            text += &newline.repeat(*blank);
            text += &format!("1,2{newline}");
            line += blank + 1;
        }
        text += "1,?";
        let expected = format!("a.csv, line {}, column \"y\"", line + 1);
        prop_assert!(refusal(&text).starts_with(&expected), "{text:?}: {}", refusal(&text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_bit_for_bit(
        values in prop::collection::vec(any::<f64>().prop_filter("finite", |value| value.is_finite()), 6),
        name in "[a-z,\" é]{0,8}",
    ) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("t.csv");
        let columns = vec![format!("x{name}x"), "y".to_string()];
        let table = Table { path: path.clone(), columns, rows: 3, cols: 2, values };
        table.write_csv(&path).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let back = Table::read_csv(&path).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let bits = |table: &Table| table.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back), bits(&table));
        prop_assert_eq!(back, table);
    }
}
