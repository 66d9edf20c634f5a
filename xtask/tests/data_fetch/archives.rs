//! The archive's files of today: zip archives with folders, other names and zip archives in them.

use std::{fs, path::Path};

use xtask::data::{
    catalog::Dataset,
    fetch::{Fetcher, Outcome, Source},
    original, values,
};

use super::{
    Outcomes, convert, limits,
    published::{archive, cell, dataset, original as generated, published},
    server::{Reply, serve},
};

/// A data set like `name` that is published at these addresses.
fn at(name: &str, addresses: Vec<String>) -> Dataset {
    let addresses: Vec<&'static str> = addresses.into_iter().map(|address| &*address.leak()).collect();
    Dataset { addresses: addresses.leak(), ..*dataset(name) }
}

#[test]
fn files_are_found_in_archives_within_archives_by_name() -> Outcomes {
    for name in ["naval", "power", "concrete", "wine", "banana"] {
        let dataset = dataset(name);
        let whole = generated(dataset, dataset.rows);
        let upper = dataset.file.to_uppercase();
        let inner = archive(&[(&upper, &whole), ("README.txt", b"read me")])?;
        let decoy = format!("__MACOSX/._{}", dataset.file);
        for (layout, bytes) in [
            ("in folders", archive(&[("Names.txt", b""), (&format!("a/B\\{}", dataset.file), &whole)])?),
            ("within", archive(&[(&decoy, b""), ("a folder/inner.ZIP", &inner)])?),
            ("twice within", archive(&[("b.zip", &archive(&[("c.zip", &inner)])?)])?),
            ("behind a damaged one", archive(&[("a.zip", b"PK and so on"), ("b.zip", &inner)])?),
        ] {
            // Whatever the address ends in.
            for origin in ["a.zip", "https://example.org/download"] {
                let table = original::convert(dataset, origin, &bytes)
                    .map_err(|error| format!("{name}, {layout}: {error}"))?;
                assert_eq!(table.row(5)[1], cell(dataset, 5, 1), "{name}, {layout}");
            }
        }
    }
    Ok(())
}

#[test]
fn archives_without_the_file_say_what_they_hold() -> Outcomes {
    let refused = |bytes: &[u8]| {
        original::convert(dataset("naval"), "n.zip", bytes)
            .map(|_| ())
            .expect_err("must be refused")
            .to_string()
    };
    let inner = archive(&[("other.txt", b"1")])?;
    assert_eq!(
        refused(&archive(&[("a.zip", &inner), ("b.txt", b"")])?),
        "n.zip: holds no data.txt; it holds a.zip, b.txt, other.txt"
    );
    let damaged = refused(&archive(&[("a.zip", &inner), ("b.zip", b"PK and so on")])?);
    assert!(damaged.starts_with("b.zip in n.zip: not a readable zip archive ("), "{damaged}");
    // Four archives deep is deeper than anyone publishes.
    let mut deep = archive(&[("data.txt", b"1 2")])?;
    for _ in 0..3 {
        deep = archive(&[("a.zip", &deep)])?;
    }
    assert!(refused(&deep).starts_with("n.zip: holds no data.txt"));
    Ok(())
}

/// Archives that unpack to more archives that unpack to more: all of it counts.
#[test]
fn bombs_within_archives_are_refused() -> Outcomes {
    let spaces = vec![b' '; 1 << 20];
    let bomb = archive(&[("data.txt", &spaces)])?;
    let inner: Vec<(String, &[u8])> = (0..9).map(|k| (format!("{k}.zip"), &bomb[..])).collect();
    let inner: Vec<(&str, &[u8])> = inner.iter().map(|(name, bytes)| (&name[..], *bytes)).collect();
    let nested = archive(&[("a.zip", &archive(&inner)?)])?;
    let error = original::convert(dataset("naval"), "n.zip", &nested).map(|_| ()).unwrap_err().to_string();
    assert!(
        error.ends_with("data.txt in 0.zip in a.zip in n.zip: larger than the limit of 1 MiB"),
        "{error}"
    );
    // A directory of a million files that are not there costs no more than its bytes.
    let mut many = b"PK\x03\x04".to_vec();
    many.extend(b"PK\x01\x02".repeat(10_001));
    let error = original::convert(dataset("naval"), "n.zip", &many).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("more than 10000 files"), "{error}");
    Ok(())
}

#[test]
fn the_next_address_is_tried_where_one_fails() -> Outcomes {
    let yacht = dataset("yacht");
    let whole = published(yacht, yacht.rows)?;
    let page = b"<!DOCTYPE html><html>moved</html>".to_vec();
    let server = serve([
        ("moved.zip".to_string(), Reply::Whole(page)),
        ("short.zip".to_string(), Reply::Whole(published(yacht, 7)?)),
        ("good.zip".to_string(), Reply::Whole(whole)),
    ])?;
    let urls = |names: &[&str]| names.iter().map(|name| format!("{server}/{name}")).collect();
    let fetcher = Fetcher::new(Source::Publisher, limits()).accept_other_values(true);
    let dir = tempfile::tempdir()?;
    let several = at("yacht", urls(&["gone.zip", "moved.zip", "short.zip", "good.zip", "never.zip"]));
    assert_eq!(fetcher.fetch(&several, dir.path(), false)?, Outcome::Fetched(format!("{server}/good.zip")));

    let none = at("yacht", urls(&["gone.zip", "short.zip"]));
    let error = fetcher.fetch(&none, dir.path(), true).unwrap_err().to_string();
    assert!(error.starts_with("none of its 2 addresses gave it: "), "{error}");
    assert!(
        error.contains("gone.zip: the server answered 404") && error.contains("7 rows; expected 308"),
        "{error}"
    );
    let one = at("yacht", urls(&["gone.zip"]));
    let error = fetcher.fetch(&one, dir.path(), true).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{server}/gone.zip: the server answered 404")), "{error}");
    Ok(())
}

/// What the archive serves today, made of the publishers' own files, with no word of `--accept`.
#[test]
fn the_publishers_own_files_arrive_from_archives_as_published() -> Outcomes {
    let originals = convert::shared().join("uci-original");
    let read = |file: &str| fs::read(originals.join(file));
    let Ok(concrete) = read("Concrete_Data.xls") else {
        println!(
            "skipped: the publishers' own files in archives, for want of shared/data beside the repository"
        );
        return Ok(());
    };
    let (energy, power, wine, yacht) = (
        read("ENB2012_data.xlsx")?,
        read("Folds5x2_pp.xlsx")?,
        read("winequality-red.csv")?,
        read("yacht_hydrodynamics.data")?,
    );
    let ccpp = archive(&[("CCPP/Readme.txt", b"read me"), ("CCPP/Folds5x2_pp.xlsx", &power)])?;
    let files = [
        ("concrete", archive(&[("Concrete_Readme.txt", b"read me"), ("Concrete_Data.xls", &concrete)])?),
        ("energy", archive(&[("ENB2012_data.xlsx", &energy)])?),
        ("power", archive(&[("CCPP.zip", &ccpp)])?),
        ("wine", archive(&[("winequality-white.csv", b""), ("winequality-red.csv", &wine)])?),
        ("yacht", archive(&[("yacht_hydrodynamics.data", &yacht)])?),
    ];
    for (name, bytes) in files {
        let server = serve([(format!("{name}.zip"), Reply::Whole(bytes))])?;
        let set = at(name, vec![format!("{server}/moved.zip"), format!("{server}/{name}.zip")]);
        let dir = tempfile::tempdir()?;
        Fetcher::new(Source::Publisher, limits()).fetch(&set, dir.path(), false)?;
        assert_published(&set, dir.path())?;
    }
    Ok(())
}

fn assert_published(set: &Dataset, dir: &Path) -> Outcomes {
    let table = xtask::data::Table::read_csv(set.path_in(dir))?;
    assert_eq!(values::digests(&table), set.digests, "{}", set.name);
    Ok(())
}
