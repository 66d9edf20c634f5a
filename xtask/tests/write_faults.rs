//! A disk that takes no more in the middle of a reproduction: an error in one line, and the same command goes on from
//! what was kept once there is space.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use xtask::data::Table;

/// Runs `repro` on a set of thirty rows; no file may grow beyond the given number of blocks of 512 bytes.
fn repro(data: &Path, out: &Path, limit: Option<usize>) -> Output {
    let prepare = limit.map_or(String::new(), |blocks| format!("trap '' XFSZ; ulimit -f {blocks};"));
    let arguments = "repro table1 fig5 --seeds 1 --lr 0.1 --method SP --method GmP --threads 2";
    let script = format!("{prepare} exec \"$0\" {arguments} --data-dir \"$1\" --out \"$2\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_xtask")]).args([data, out]).output().unwrap()
}

fn records(out: &Path) -> Vec<String> {
    let text = fs::read_to_string(out.join("table1/runs.jsonl")).unwrap_or_default();
    let strip = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        record.as_object_mut().unwrap().remove("seconds");
        record.to_string()
    };
    text.lines().map(strip).collect()
}

#[test]
fn a_full_disk_is_one_line_and_costs_what_was_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut csv = "a,b,y\n".to_owned();
    (0..30).for_each(|i| csv += &format!("{},{},{}\n", i, i * i % 7, i % 5));
    fs::create_dir_all(data.join("uci")).unwrap();
    fs::write(data.join("uci/tiny.csv"), csv).unwrap();

    let whole = folder.path().join("whole");
    assert!(repro(&data, &whole, None).status.success());
    let expected = records(&whole);
    assert_eq!(expected.len(), 4);
    let page = fs::metadata(whole.join("report.html")).unwrap().len() as usize / 512;
    for limit in [0, 1, 2, 3, 8, 16, page] {
        let out = folder.path().join(limit.to_string());
        let output = repro(&data, &out, Some(limit));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{limit} blocks: {message}");
        let errors: Vec<&str> = message.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && !message.contains("panicked"), "{limit} blocks: {message}");
        assert!(errors[0].contains(out.to_str().unwrap()), "the file is not named: {errors:?}");
        // Files that are written at once are whole or not there; none is left unfinished.
        for path in walk(&out) {
            let bytes = fs::read(&path).unwrap();
            let is_whole = match path.extension().and_then(|extension| extension.to_str()) {
                Some("svg") => bytes.ends_with(b"</svg>\n"),
                Some("png") => bytes.ends_with(b"IEND\xaeB`\x82"),
                // Of the experiments that were through by then.
                Some("html") => bytes.ends_with(b"</html>\n"),
                Some("json") => serde_json::from_slice::<serde_json::Value>(&bytes).is_ok(),
                Some("csv") => bytes.ends_with(b"\n"),
                Some("jsonl") => bytes.is_empty() || bytes.ends_with(b"\n"),
                _ => false,
            };
            assert!(is_whole, "{limit} blocks: {}", path.display());
        }
        // What a killed process did not finish is cleared away.
        let unfinished = ["gmp-a.partial", "table1/gmp-b.partial", "table1/traces/gmp-c.partial"];
        fs::create_dir_all(out.join("table1/traces")).unwrap();
        unfinished.iter().for_each(|name| fs::write(out.join(name), "half").unwrap());
        let again = repro(&data, &out, None);
        assert!(unfinished.iter().all(|name| !out.join(name).exists()), "{limit} blocks");
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(records(&out), expected, "{limit} blocks");
        assert!(out.join("report.html").exists());
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_converted_table_is_the_old_or_the_new_one() {
    let table = |value: f64| Table::parse_csv("t.csv", format!("x,y\n{value},2\n3,4\n").as_bytes()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    table(1.0).write_csv(&path).unwrap();
    let old = fs::read(&path).unwrap();
    // Links at names that could be known before are not followed, and the file itself is not either.
    let victim = folder.path().join("victim");
    fs::write(&victim, "somebody's").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("t.partial")).unwrap();
    let other = folder.path().join("other.csv");
    std::os::unix::fs::symlink(&victim, &other).unwrap();
    table(7.0).write_csv(&other).unwrap();
    assert!(fs::symlink_metadata(&other).unwrap().is_file());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "somebody's");
    // A folder in its place: nothing is left behind.
    let taken = folder.path().join("taken.csv");
    fs::create_dir(&taken).unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    let error = table(7.0).write_csv(&taken).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot rename the finished file: ", taken.display())), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "a temporary file is left behind");
    assert_eq!(fs::read(&path).unwrap(), old);
    table(7.0).write_csv(&path).unwrap();
    assert_eq!(Table::read_csv(&path).unwrap().values, [7.0, 2.0, 3.0, 4.0]);
}
