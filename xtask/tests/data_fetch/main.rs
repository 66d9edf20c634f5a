//! Fetching over a real connection: every published format, every way a download can go wrong.
//!
//! A small web server on this machine hands out generated files. What the publishers themselves offer is compared
//! too, where a copy of it lies beside the repository in `shared/data`.

mod archives;
mod convert;
mod hostile;
mod published;
mod retries;
mod server;
mod values;

use std::{
    error::Error,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use published::{archive, cell, dataset, original, published};
use server::{Reply, serve};
use xtask::data::{
    Table,
    catalog::{DATASETS, Dataset},
    download::Limits,
    fetch::{Fetcher, Outcome, Source},
};

type Outcomes = Result<(), Box<dyn Error>>;

fn limits() -> Limits {
    let (read, pause) = (Duration::from_millis(400), Duration::from_millis(5));
    Limits { connect: Duration::from_secs(5), read, attempts: 1, pause, ..Limits::default() }
}

/// A fetcher of generated files: their values are not the published ones.
fn fetcher(from: impl AsRef<std::ffi::OsStr>) -> Result<Fetcher, Box<dyn Error>> {
    Ok(Fetcher::new(Source::parse(from)?, limits()).accept_other_values(true))
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Fetches from `address`, expects failure, and expects `dir` to hold nothing; returns the message.
fn failure(name: &str, address: &str) -> Result<String, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let fetcher = fetcher(address)?;
    let outcome = fetcher.fetch(dataset(name), dir.path(), false);
    assert_eq!(files_below(dir.path()), [] as [PathBuf; 0], "nothing is left after {outcome:?}");
    Ok(outcome.map(|_| ()).expect_err("this must fail").to_string())
}

#[test]
fn every_data_set_comes_over_the_wire_cell_by_cell() -> Outcomes {
    let file_at = |dataset: &Dataset| dataset.addresses[0].rsplit('/').next().unwrap_or_default().to_string();
    let mut replies = Vec::new();
    for dataset in DATASETS {
        replies.push((file_at(dataset), Reply::Whole(published(dataset, dataset.rows)?)));
    }
    let fetcher = fetcher(serve(replies)? + "/")?;
    let dir = tempfile::tempdir()?;
    for dataset in DATASETS {
        let outcome = fetcher.fetch(dataset, dir.path(), false)?;
        assert!(
            matches!(outcome, Outcome::Fetched(from) if from.ends_with(&file_at(dataset))),
            "{}",
            dataset.name
        );
        let table = Table::read_csv(dataset.path_in(dir.path()))?;
        assert_eq!(table.columns, dataset.columns);
        assert_eq!((table.rows, table.cols), (dataset.rows, dataset.columns.len()), "{}", dataset.name);
        for row in 0..table.rows {
            for column in 0..table.cols {
                assert_eq!(
                    table.row(row)[column],
                    cell(dataset, row, column),
                    "{} [{row}, {column}]",
                    dataset.name
                );
            }
        }
        assert_eq!(fetcher.fetch(dataset, dir.path(), false)?, Outcome::Kept);
    }
    assert_eq!(files_below(dir.path()).len(), DATASETS.len(), "the tables and nothing else");
    Ok(())
}

#[test]
fn broken_answers_are_named_and_leave_nothing() -> Outcomes {
    let whole = original(dataset("yacht"), 308);
    let size = whole.len();
    let replies = [
        ("cut", Reply::Announced(size, whole[..5000].to_vec())),
        ("less", Reply::Announced(5000, whole.clone())),
        ("huge", Reply::Announced(1 << 40, whole.clone())),
        ("dead", Reply::Dead(size, whole[..5000].to_vec())),
        ("silent", Reply::Silent),
        ("gone", Reply::Status("410 Gone")),
        ("broken", Reply::Status("500 Internal Server Error")),
        ("circle", Reply::Redirect("circle/yacht_hydrodynamics.data")),
        ("page", Reply::Whole(b" <!DOCTYPE html><html>sign in</html>".to_vec())),
        ("nothing", Reply::Whole(Vec::new())),
    ];
    let address =
        serve(replies.map(|(folder, reply)| (format!("{folder}/yacht_hydrodynamics.data"), reply)))?;
    let message = |folder: &str| failure("yacht", &format!("{address}/{folder}"));
    let at = |folder: &str| format!("{address}/{folder}/yacht_hydrodynamics.data");
    let elsewhere = "try again later, or find the file elsewhere, save it in a folder and pass --from FOLDER";

    assert_eq!(
        message("cut")?,
        format!("{}: cut off after 5000 of {size} bytes; run the command again", at("cut"))
    );
    let less = message("less")?;
    assert!(
        less.starts_with(&format!("{}, line ", at("less"))) || less.contains("rows; expected 308"),
        "{less}"
    );
    assert_eq!(message("huge")?, format!("{}: larger than the limit of 64 MiB", at("huge")));
    assert_eq!(
        message("dead")?,
        format!(
            "{}: timed out waiting for data for 0.4 s (5000 bytes received); run the command again",
            at("dead")
        )
    );
    assert_eq!(
        message("silent")?,
        format!(
            "{}: timed out waiting for data for 0.4 s (0 bytes received); run the command again",
            at("silent")
        )
    );
    assert_eq!(
        message("gone")?,
        format!("{}: the server answered 410 Gone; expected 200 OK: {elsewhere}", at("gone"))
    );
    assert_eq!(
        message("broken")?,
        format!(
            "{}: the server answered 500 Internal Server Error; expected 200 OK: {elsewhere}",
            at("broken")
        )
    );
    let circle = message("circle")?;
    assert!(circle.starts_with(&format!("{}: ", at("circle"))) && circle.contains("redirects"), "{circle}");
    assert_eq!(
        message("page")?,
        format!(
            "{}: a web page, not the data file; the file has moved or a log-in is in between: open the address in \
             a browser, save the file in a folder and pass --from FOLDER",
            at("page")
        )
    );
    assert_eq!(
        message("nothing")?,
        format!("{}: 0 rows; expected 308 (a cut-off or changed file?)", at("nothing"))
    );
    assert_eq!(
        message("absent")?,
        format!(
            "{address}/absent: no file of yacht; expected one of yacht+hydrodynamics.zip, yacht \
             hydrodynamics.zip, yacht_hydrodynamics.data, yacht_hydrodynamics.data.zip, yacht.zip, yacht.csv"
        )
    );

    // A port on which nobody listens any more.
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let refused = failure("yacht", &format!("http://{closed}"))?;
    assert!(
        refused.starts_with(&format!("http://{closed}/yacht+hydrodynamics.zip: no connection (")),
        "{refused}"
    );
    Ok(())
}

#[test]
fn redirects_missing_lengths_and_other_file_names_are_followed() -> Outcomes {
    let yacht = dataset("yacht");
    let whole = original(yacht, 308);
    let zipped = archive(&[("a/b/yacht_hydrodynamics.data", &whole)])?;
    let table = xtask::data::original::convert(yacht, "yacht_hydrodynamics.data", &whole)?;
    let dir = tempfile::tempdir()?;
    table.write_csv(dir.path().join("yacht.csv"))?;
    let converted = fs::read(dir.path().join("yacht.csv"))?;
    let address = serve([
        ("moved/yacht_hydrodynamics.data".to_string(), Reply::Redirect("here/yacht_hydrodynamics.data")),
        ("here/yacht_hydrodynamics.data".to_string(), Reply::Unannounced(whole)),
        ("zipped/yacht_hydrodynamics.data.zip".to_string(), Reply::Whole(zipped.clone())),
        ("named/yacht.zip".to_string(), Reply::Whole(zipped)),
        ("converted/yacht.csv".to_string(), Reply::Whole(converted)),
    ])?;
    for folder in ["moved", "here", "zipped", "named", "converted"] {
        let dir = tempfile::tempdir()?;
        fetcher(format!("{address}/{folder}"))?.fetch(yacht, dir.path(), false)?;
        assert_eq!(Table::read_csv(yacht.path_in(dir.path()))?.values, table.values, "{folder}");
    }
    Ok(())
}

#[test]
fn a_failed_fetch_leaves_the_old_file_and_a_whole_file_is_kept() -> Outcomes {
    let yacht = dataset("yacht");
    let source = tempfile::tempdir()?;
    let dir = tempfile::tempdir()?;
    let path = yacht.path_in(dir.path());
    let fetcher = fetcher(source.path())?;

    fs::write(source.path().join("yacht_hydrodynamics.data"), original(yacht, 300))?;
    fs::create_dir_all(dir.path().join("uci"))?;
    fs::write(&path, "half a file")?;
    assert!(fetcher.fetch(yacht, dir.path(), false).is_err());
    assert_eq!(fs::read_to_string(&path)?, "half a file");
    assert_eq!(files_below(dir.path()).len(), 1);

    fs::write(source.path().join("yacht_hydrodynamics.data"), original(yacht, 308))?;
    assert!(
        matches!(fetcher.fetch(yacht, dir.path(), false)?, Outcome::Fetched(_)),
        "a wrong file is replaced"
    );
    assert_eq!(Table::read_csv(&path)?.rows, 308);
    let other = fs::read_to_string(&path)?.replace("-100,", "-99,");
    fs::write(&path, &other)?;
    assert_eq!(fetcher.fetch(yacht, dir.path(), false)?, Outcome::Kept);
    assert_eq!(fs::read_to_string(&path)?, other);
    assert!(matches!(fetcher.fetch(yacht, dir.path(), true)?, Outcome::Fetched(_)), "unless it is forced");
    assert_ne!(fs::read_to_string(&path)?, other);
    Ok(())
}

#[test]
fn the_command_goes_on_after_a_failure_and_fails_at_the_end() -> Outcomes {
    let address = serve([
        ("housing.data".to_string(), Reply::Whole(published(dataset("boston"), 506)?)),
        ("winequality-red.csv".to_string(), Reply::Status("410 Gone")),
        ("yacht_hydrodynamics.data".to_string(), Reply::Whole(original(dataset("yacht"), 308))),
    ])?;
    let dir = tempfile::tempdir()?;
    let to = dir.path().display().to_string();
    let run = |arguments: &[&str]| -> Result<(Option<i32>, String, String), Box<dyn Error>> {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output()?;
        Ok((output.status.code(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
    };
    let names =
        ["data", "fetch", "uci", "boston", "wine", "yacht", "--to", &to, "--from", &address, "--accept"];

    let (code, out, err) = run(&names)?;
    assert_eq!(code, Some(1), "{out}{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            format!("boston    {to}/uci/boston.csv: 506 rows × 13 inputs, from {address}/housing.data"),
            format!(
                "yacht     {to}/uci/yacht.csv: 308 rows × 6 inputs, from {address}/yacht_hydrodynamics.data"
            ),
        ]
    );
    let lines: Vec<&str> = err.lines().collect();
    assert!(
        lines[0].starts_with(&format!(
            "wine      error: {address}/winequality-red.csv: the server answered 410 Gone; expected 200 OK"
        )),
        "{err}"
    );
    assert_eq!(lines[1..], ["2 fetched, 0 already there, 1 failed: wine"]);
    assert_eq!(files_below(dir.path()).len(), 2);

    let (code, out, err) =
        run(&["data", "fetch", "uci", "boston", "yacht", "--to", &to, "--from", &address, "--accept"])?;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.ends_with("0 fetched, 2 already there\n"), "{out}");

    let (code, out, err) = run(&["data", "list", "--to", &to])?;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for dataset in DATASETS {
        let generated = ["boston", "yacht"].contains(&dataset.name);
        let state = if generated { "differs from the published values: " } else { "not fetched" };
        let line = out.lines().find(|line| line.starts_with(dataset.name));
        assert!(line.is_some_and(|line| line.contains(state)), "{}: {out}", dataset.name);
    }

    let (code, _, err) = run(&["data", "fetch", "uci", "bostn"])?;
    let known = "boston, concrete, energy, naval, power, wine, yacht";
    assert_eq!(code, Some(1));
    assert_eq!(err, format!("error: \"bostn\" is not one of the data sets; expected {known}\n"));
    let (code, _, err) = run(&["data", "fetch", "uci", "--from", "no/such/folder"])?;
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "error: --from no/such/folder: no such folder; expected a folder, or an address that begins with http:// \
         or https://\n"
    );
    Ok(())
}
