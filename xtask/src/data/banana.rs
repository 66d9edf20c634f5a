//! The banana set: two curved, overlapping classes in the plane, fetched or generated.

use std::{f64::consts::TAU, path::Path};

use super::{
    Table,
    error::{CellProblem, DataError},
};

/// Reads `dir/banana.csv` (columns of two inputs and a class −1 or 1), or `None` if there is no such file.
///
/// # Errors
///
/// A file that is there but is no table, has other than three columns, or another class.
pub fn load(dir: impl AsRef<Path>) -> Result<Option<Table>, DataError> {
    let table = match Table::read_csv(dir.as_ref().join("banana.csv")) {
        Err(DataError::Missing { .. }) => return Ok(None),
        other => other?,
    };
    if table.cols != 3 {
        let (file, found) = (table.path.display().to_string(), format!("{} columns", table.cols));
        return Err(DataError::Columns { file, found, expected: "3, two inputs and the class".to_string() });
    }
    check_classes(&table)?;
    Ok(Some(table))
}

/// Checks that the last column holds −1 and 1 only.
pub(super) fn check_classes(table: &Table) -> Result<(), DataError> {
    let target = table.target();
    let Some(row) = target.iter().position(|class| class.abs() != 1.0) else { return Ok(()) };
    Err(DataError::Class {
        file: table.path.display().to_string(),
        row: row + 1,
        column: table.columns[table.cols - 1].clone(),
        problem: CellProblem::NotAClass(target[row]),
    })
}

/// An arc of a circle (a point if `radius` is 0), blurred by normal noise.
struct Cloud {
    class: f64,
    share: f64,
    centre: [f64; 2],
    radius: f64,
    /// First and last angle of the arc, in turns.
    arc: [f64; 2],
    noise: f64,
}

/// Modelled on the looks of KEEL's set: class 1 is an arch and a ball above its right shoulder, class −1 a wider arch
/// over the first and a filling below it. The noise is chosen for a best possible accuracy of 0.90.
const CLOUDS: [Cloud; 4] = [
    Cloud { class: 1.0, share: 0.36, centre: [0.0, -1.2], radius: 1.25, arc: [-0.055, 0.555], noise: 0.34 },
    Cloud { class: 1.0, share: 0.09, centre: [1.6, 1.5], radius: 0.0, arc: [0.0, 0.0], noise: 0.39 },
    Cloud { class: -1.0, share: 0.35, centre: [-0.3, -0.9], radius: 2.1, arc: [0.055, 0.475], noise: 0.34 },
    Cloud { class: -1.0, share: 0.20, centre: [0.0, -1.35], radius: 0.35, arc: [0.0, 0.5], noise: 0.34 },
];

/// A generated stand-in for the fetched set: `points` rows of two inputs and a class, 45 % of them 1.
///
/// Like KEEL's it has roughly zero means and unit deviations, a best possible accuracy of about 0.90, and a best linear
/// one of about 0.65; its numbers are not comparable with KEEL's beyond that. `uniform` draws from [0, 1), four times a
/// point, so that the caller's generator and seed decide everything.
///
/// # Panics
///
/// If `points` is below 2.
///
/// # Examples
///
/// ```
/// let mut state = 0.0;
/// let mut uniform = || {
///     state = (state + 0.618_033_988_749_895) % 1.0;
///     state
/// };
/// let table = xtask::data::banana::synthetic(100, &mut uniform);
/// assert_eq!((table.rows, table.cols), (100, 3));
/// ```
#[track_caller]
pub fn synthetic(points: usize, uniform: &mut dyn FnMut() -> f64) -> Table {
    assert!(points >= 2, "{points} points were requested, a table needs at least 2");
    let mut values = Vec::with_capacity(points * 3);
    for _ in 0..points {
        let cloud = pick(uniform());
        let [from, to] = cloud.arc;
        let (sin, cos) = (TAU * (from + (to - from) * uniform())).sin_cos();
        let (noise_x, noise_y) = normal_pair(uniform(), uniform());
        values.extend([
            cloud.centre[0] + cloud.radius * cos + cloud.noise * noise_x,
            cloud.centre[1] + cloud.radius * sin + cloud.noise * noise_y,
            cloud.class,
        ]);
    }
    let columns = ["At1", "At2", "Class"].map(String::from).to_vec();
    Table { path: "generated banana set".into(), columns, rows: points, cols: 3, values }
}

/// The cloud whose stretch of the shares, laid end to end, holds `at` ∈ [0, 1).
fn pick(mut at: f64) -> &'static Cloud {
    for cloud in &CLOUDS[..CLOUDS.len() - 1] {
        if at < cloud.share {
            return cloud;
        }
        at -= cloud.share;
    }
    &CLOUDS[CLOUDS.len() - 1]
}

/// Two independent standard normals from two uniforms in [0, 1) (Box and Muller 1958).
fn normal_pair(u: f64, v: f64) -> (f64, f64) {
    let (sin, cos) = (TAU * v).sin_cos();
    let radius = (-2.0 * (1.0 - u).ln()).sqrt();
    (radius * cos, radius * sin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_make_one_whole() {
        let total: f64 = CLOUDS.iter().map(|cloud| cloud.share).sum();
        assert!((total - 1.0).abs() < 1e-15, "shares add up to {total}");
        assert_eq!(pick(0.0).share, CLOUDS[0].share);
        assert_eq!(pick(1.0 - f64::EPSILON).share, CLOUDS[3].share);
    }

    #[test]
    fn normal_pairs_are_finite_at_the_ends_of_the_range() {
        for u in [0.0, f64::MIN_POSITIVE, 0.5, 1.0 - f64::EPSILON / 2.0] {
            let (a, b) = normal_pair(u, 1.0 - f64::EPSILON / 2.0);
            assert!(a.is_finite() && b.is_finite() && a.hypot(b) < 9.0, "u = {u}: {a}, {b}");
        }
    }
}
