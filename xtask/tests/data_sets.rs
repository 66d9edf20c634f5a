//! Finding data sets on disk, the generated banana set, and the samples kept in the repository.

use std::fs;

use xtask::data::{banana, notebook, uci};

/// A xorshift generator: enough to draw test data from.
fn uniforms(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[test]
fn names_and_paths_resolve_to_files() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (data, elsewhere) = (folder.path().join("data"), folder.path().join("mine.csv"));
    let resolve =
        |asked: &[&str]| uci::resolve(&data, &asked.iter().map(|name| name.to_string()).collect::<Vec<_>>());
    let words = |asked: &[&str]| resolve(asked).map(|_| ()).unwrap_err().to_string();
    let uci_dir = data.join("uci");
    let shown = uci_dir.display();

    assert!(uci::find(&data)?.is_empty());
    assert_eq!(
        words(&[]),
        format!(
            "{shown}: no CSV files; fetch them with `cargo xtask data fetch uci`, or name a CSV file of your own"
        )
    );
    assert_eq!(
        words(&["boston"]),
        format!(
            "\"boston\" is neither a CSV file nor a data set in {shown}: found none; fetch them with \
             `cargo xtask data fetch uci`"
        )
    );

    fs::create_dir_all(&uci_dir)?;
    for name in ["yacht.csv", "boston.csv", "notes.txt", ".hidden.csv"] {
        fs::write(uci_dir.join(name), "x,y\n1,2\n3,4\n")?;
    }
    fs::write(&elsewhere, "x,y\n1,2\n3,4\n")?;
    let (boston, yacht) = (uci_dir.join("boston.csv"), uci_dir.join("yacht.csv"));
    let all = vec![("boston".to_string(), boston.clone()), ("yacht".to_string(), yacht.clone())];
    assert_eq!(uci::find(&data)?, all);
    assert_eq!(resolve(&[])?, all);
    let mine = elsewhere.display().to_string();
    assert_eq!(
        resolve(&["yacht", &mine, "yacht"])?,
        [("yacht".to_string(), yacht), ("mine".to_string(), elsewhere.clone())]
    );
    assert_eq!(
        words(&["bostn"]),
        format!("\"bostn\" is neither a CSV file nor a data set in {shown}: found boston, yacht")
    );
    assert_eq!(words(&["no/such.csv"]), "no/such.csv: no such file; expected a CSV file with a header line");
    let other = folder.path().join("boston.csv");
    fs::write(&other, "x,y\n1,2\n3,4\n")?;
    assert_eq!(
        words(&["boston", &other.display().to_string()]),
        format!(
            "{} and {}: both are called \"boston\"; expected different file names",
            boston.display(),
            other.display()
        )
    );
    Ok(())
}

#[test]
fn the_banana_set_is_loaded_if_it_is_there_and_right() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    assert_eq!(banana::load(folder.path())?, None);
    let path = folder.path().join("banana.csv");
    fs::write(&path, "At1,At2,Class\n1,2,-1\n3,4,1\n")?;
    assert_eq!(banana::load(folder.path())?.map(|table| table.target()), Some(vec![-1.0, 1.0]));
    fs::write(&path, "At1,At2,Class\n1,2,-1\n3,4,0\n")?;
    assert_eq!(
        banana::load(folder.path()).unwrap_err().to_string(),
        format!("{}, data row 2, column \"Class\": 0 is not a class; expected -1 or 1", path.display())
    );
    fs::write(&path, "x,y\n1,2\n3,4\n")?;
    assert_eq!(
        banana::load(folder.path()).unwrap_err().to_string(),
        format!("{}: 2 columns; expected 3, two inputs and the class", path.display())
    );
    Ok(())
}

#[test]
fn the_generated_banana_set_is_reproducible_and_as_hard_as_promised() {
    let draw = |seed| banana::synthetic(5300, &mut uniforms(seed));
    let table = draw(1);
    assert_eq!(table, draw(1));
    assert_ne!(table.values, draw(2).values);
    assert!(table.values.iter().all(|value| value.is_finite()));
    let points: Vec<&[f64]> = (0..table.rows).map(|row| table.row(row)).collect();

    let ones = points.iter().filter(|point| point[2] == 1.0).count() as f64 / 5300.0;
    assert!((ones - 0.45).abs() < 0.02, "share of class 1: {ones}");
    for column in 0..2 {
        let mean = points.iter().map(|point| point[column]).sum::<f64>() / 5300.0;
        let variance = points.iter().map(|point| (point[column] - mean).powi(2)).sum::<f64>() / 5300.0;
        assert!(mean.abs() < 0.2 && (0.8..1.6).contains(&variance), "column {column}: {mean}, {variance}");
    }

    // Thirty-one neighbours come near the best classifier there is; no straight line comes near them.
    let (train, test) = points.split_at(4300);
    let neighbours_right = test.iter().filter(|point| {
        let mut near: Vec<(f64, f64)> = train
            .iter()
            .map(|other| ((point[0] - other[0]).powi(2) + (point[1] - other[1]).powi(2), other[2]))
            .collect();
        near.select_nth_unstable_by(30, |a, b| a.0.total_cmp(&b.0));
        near[..31].iter().map(|&(_, class)| class).sum::<f64>() * point[2] > 0.0
    });
    let accuracy = neighbours_right.count() as f64 / 1000.0;
    assert!((0.87..0.93).contains(&accuracy), "31 nearest neighbours: {accuracy}");
    let lines = (0..36)
        .flat_map(|turn| (-15..=15).map(move |shift| (f64::from(turn) * 10.0, f64::from(shift) * 0.2)));
    let accuracies = lines.map(|(degrees, offset)| {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let right = points.iter().filter(|point| (point[0] * cos + point[1] * sin - offset) * point[2] > 0.0);
        right.count() as f64 / 5300.0
    });
    let best_line = accuracies.fold(0.0, f64::max);
    println!("31 nearest neighbours {accuracy}, best line {best_line}");
    assert!((0.55..0.75).contains(&best_line), "best line: {best_line}");
}

#[test]
fn the_notebook_samples_are_whole() {
    let (x, y) = notebook::levy_draw();
    assert_eq!((x.len(), y.len()), (50, 50));
    assert!(x.iter().all(|x| (-10.0..=10.0).contains(x)) && y.iter().all(|y| y.is_finite()));
    let (train, test) = notebook::banana_split();
    assert_eq!((train.len(), test.len()), (800, 200));
    let mut rows: Vec<usize> = train.iter().chain(&test).copied().collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), 1000, "no row is drawn twice");
    assert!(rows.last().is_some_and(|&last| last < 5300));
}
