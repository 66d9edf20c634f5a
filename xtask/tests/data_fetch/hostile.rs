//! The command where others mean no good or are in a hurry: passwords, names that give orders to terminals, files that
//! are none, readers that leave, and many processes at once.

use std::{
    error::Error,
    fs::{self, File},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use xtask::data::catalog::DATASETS;

use super::{
    Outcomes, files_below,
    published::{archive, dataset, original},
    server::{Reply, serve},
};

fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn passwords_are_in_no_message() -> Outcomes {
    let yacht = original(dataset("yacht"), 308);
    let address = serve([
        ("good/yacht_hydrodynamics.data".to_string(), Reply::Whole(yacht)),
        ("gone/yacht+hydrodynamics.zip".to_string(), Reply::Status("410 Gone")),
        ("odd/yacht+hydrodynamics.zip".to_string(), Reply::Whole(b"PK\x03\x04".to_vec())),
    ])?;
    let host = address.trim_start_matches("http://");
    let dir = tempfile::tempdir()?;
    let to = dir.path().display().to_string();
    for (from, expected) in [
        (format!("http://name:s3cret@{host}/good"), "from http://***@"),
        (format!("http://name:s3cret@{host}/gone"), "410 Gone"),
        (format!("http://name:s3cret@{host}/odd"), "not a readable zip archive"),
        (format!("http://name:s3cret@{host}/absent"), "no file of yacht"),
        ("http://name:s3cret@127.0.0.1:1/".to_string(), "no connection"),
        ("http://name:s3/cret@nowhere".to_string(), "***@nowhere"),
        ("ftp://name:s3cret@host/".to_string(), "no such folder"),
    ] {
        let output =
            xtask(&["data", "fetch", "uci", "yacht", "--to", &to, "--from", &from, "--accept", "--force"])
                .output()?;
        let said = said(&output);
        assert!(said.contains(expected), "{from}: {said}");
        assert!(!said.contains("s3") && !said.contains("cret@"), "{from}: {said}");
    }
    Ok(())
}

#[test]
fn names_from_outside_give_no_orders_to_the_terminal() -> Outcomes {
    let dir = tempfile::tempdir()?;
    let to = dir.path().display().to_string();
    let names = archive(&[("\x1b]0;pwned\x07\x1b[31m\u{202e}red", b"1")])?;
    fs::write(dir.path().join("yacht.zip"), names)?;
    let output = xtask(&["data", "fetch", "uci", "yacht", "--to", &to, "--from", &to]).output()?;
    let message = said(&output);
    assert!(message.contains(r"it holds \u{1b}]0;pwned\u{7}\u{1b}[31m\u{202e}red"), "{message}");
    // Names of files and of columns.
    let uci = dir.path().join("uci");
    fs::create_dir(&uci)?;
    fs::write(uci.join("\x1b[31mred\u{202e}.csv"), "x\x1b[2J\u{202e},y\n1,2\n3,?\n")?;
    fs::write(uci.join("yacht.csv"), "\x1b[2J,y\n1,2\n3,4\n")?;
    let out = dir.path().join("out").display().to_string();
    for arguments in [
        &["repro", "table1", "--data-dir", &to, "--out", &out][..],
        &["repro", "table1", "--data-dir", &to, "--out", &out, "--dataset", "none"],
        &["data", "list", "--to", &to],
    ] {
        let message = said(&xtask(arguments).output()?);
        assert!(!message.contains(['\x1b', '\x07', '\u{202e}']), "{arguments:?}: {message:?}");
        assert!(message.contains(r"\u{1b}["), "{arguments:?}: {message}");
    }
    Ok(())
}

/// Results for a reader who is gone, and for a device that is full.
#[cfg(unix)]
#[test]
fn closed_pipes_are_quiet_and_full_devices_are_errors() -> Outcomes {
    let source = tempfile::tempdir()?;
    for name in ["boston", "yacht"] {
        let dataset = dataset(name);
        fs::write(source.path().join(dataset.file), original(dataset, dataset.rows))?;
    }
    let (from, dir) = (source.path().display().to_string(), tempfile::tempdir()?);
    let to = dir.path().display().to_string();
    let fetch = ["data", "fetch", "uci", "boston", "yacht", "--to", &to, "--from", &from, "--accept"];
    for arguments in [
        &["data", "list"][..],
        &fetch,
        &["repro", "--list"],
        &["--help"],
        &["repro", "--help"],
        &["--version"],
        &["bench", "transform", "--rounds", "1", "--round-milliseconds", "0"],
        &["bench", "transform", "--rounds", "1", "--round-milliseconds", "0", "--json"],
    ] {
        // A pipe whose reader has gone before the first line.
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = xtask(arguments).stdout(writer).stderr(Stdio::piped()).output()?;
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""), "{arguments:?}");
        let full = File::options().write(true).open("/dev/full")?;
        let output = xtask(arguments).stdout(full).stderr(Stdio::piped()).output()?;
        let message = said(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
        assert!(message.starts_with("error: standard output cannot be written to: "), "{message}");
        assert_eq!(message.lines().count(), 1, "{arguments:?}: {message}");
    }
    assert_eq!(
        files_below(dir.path()).len(),
        2,
        "the second data set is fetched whether or not anyone reads"
    );
    // Errors, too, may have nowhere to go.
    let full = File::options().write(true).open("/dev/full")?;
    let status = xtask(&["data", "fetch", "uci", "nosuch"]).stderr(full).status()?;
    assert_eq!(status.code(), Some(1));
    Ok(())
}

/// Named pipes that nobody writes to: reading one would wait without end.
#[cfg(unix)]
#[test]
fn files_that_are_none_are_refused_at_once() -> Outcomes {
    let dir = tempfile::tempdir()?;
    let pipe = |path: &Path| -> Outcomes {
        fs::create_dir_all(path.parent().ok_or("a folder")?)?;
        assert!(Command::new("mkfifo").arg(path).status()?.success());
        Ok(())
    };
    for dataset in DATASETS {
        pipe(&dataset.path_in(dir.path()))?;
    }
    let source = tempfile::tempdir()?;
    pipe(&source.path().join("yacht_hydrodynamics.data"))?;
    let (from, data) = (source.path().display().to_string(), dir.path().display().to_string());
    let elsewhere = tempfile::tempdir()?;
    let to = elsewhere.path().display().to_string();
    let out = elsewhere.path().join("out").display().to_string();
    let named = dir.path().join("uci/wine.csv").display().to_string();
    let run = |arguments: &[&str]| -> Result<String, Box<dyn Error>> {
        let mut child = xtask(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        for _ in 0..600 {
            if child.try_wait()?.is_some() {
                return Ok(said(&child.wait_with_output()?));
            }
            thread::sleep(std::time::Duration::from_millis(50));
        }
        child.kill()?;
        Err(format!("{arguments:?} does not end").into())
    };
    let refusal = "a named pipe, expected a regular file";
    let listed = run(&["data", "list", "--to", &data])?;
    assert_eq!(listed.matches(refusal).count(), DATASETS.len(), "{listed}");
    for arguments in [
        &["data", "fetch", "uci", "yacht", "--to", &to, "--from", &from][..],
        &["repro", "fig3", "--data-dir", &data, "--out", &out],
        &["repro", "table1", "--data-dir", &data, "--out", &out],
        &["repro", "table1", "--data-dir", &to, "--out", &out, "--dataset", &named],
        &["repro", "theory", "--data-dir", &data, "--out", &out],
    ] {
        let message = run(arguments)?;
        assert!(message.contains("error: ") && message.contains(refusal), "{arguments:?}: {message}");
    }
    let device = run(&["repro", "table1", "--out", &out, "--dataset", "/dev/zero"])?;
    assert!(device.contains("/dev/zero: cannot be read: a device, expected a regular file"), "{device}");
    Ok(())
}

/// Processes that fetch into one folder do not get in each other's way.
#[test]
fn many_processes_fetch_into_one_folder() -> Outcomes {
    let source = tempfile::tempdir()?;
    for name in ["boston", "yacht"] {
        let dataset = dataset(name);
        fs::write(source.path().join(dataset.file), original(dataset, dataset.rows))?;
    }
    let (from, dir) = (source.path().display().to_string(), tempfile::tempdir()?);
    let to = dir.path().display().to_string();
    let fetch =
        ["data", "fetch", "uci", "boston", "yacht", "--to", &to, "--from", &from, "--accept", "--force"];
    for _ in 0..3 {
        let children: Vec<_> = (0..8)
            .map(|_| xtask(&fetch).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn())
            .collect::<Result<_, _>>()?;
        for child in children {
            let output = child.wait_with_output()?;
            assert!(output.status.success(), "{}", said(&output));
        }
    }
    assert_eq!(files_below(dir.path()).len(), 2, "{:?}", files_below(dir.path()));
    Ok(())
}
