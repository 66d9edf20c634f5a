//! Lines and areas cut to the plotting area, and lines thinned to what can be seen.

use std::fmt::Write as _;

use super::svg::number;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub(super) fn contains(&self, (x, y): (f64, f64)) -> bool {
        // Half a hundredth of a pixel of rounding must not lose a point on the frame.
        let slack = 0.005;
        x >= self.x - slack && x <= self.right() + slack && y >= self.y - slack && y <= self.bottom() + slack
    }

    /// The part of the segment from `a` to `b` inside the rectangle (Liang and Barsky).
    pub(super) fn clip(&self, a: (f64, f64), b: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        for (towards, room) in
            [(-dx, a.0 - self.x), (dx, self.right() - a.0), (-dy, a.1 - self.y), (dy, self.bottom() - a.1)]
        {
            if towards == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if towards < 0.0 {
                enter = enter.max(room / towards);
            } else {
                leave = leave.min(room / towards);
            }
        }
        let at = |t: f64| (a.0 + t * dx, a.1 + t * dy);
        (enter <= leave)
            .then(|| (if enter == 0.0 { a } else { at(enter) }, if leave == 1.0 { b } else { at(leave) }))
    }
}

/// Path data of the line through `points` inside `area`; `None` breaks the line.
pub(super) fn path(points: impl Iterator<Item = Option<(f64, f64)>>, area: &Rect) -> String {
    let mut data = String::new();
    let mut run: Vec<(f64, f64)> = Vec::new();
    for point in points.chain([None]) {
        match point {
            Some(point) => run.push(point),
            None => {
                append_run(&mut data, &thinned(&run), area);
                run.clear();
            }
        }
    }
    data
}

/// Path data of a closed area cut to `area` (Sutherland and Hodgman).
pub(super) fn closed_path(points: &[(f64, f64)], area: &Rect) -> String {
    let mut points = points.to_vec();
    let sides = [(0, area.x, 1.0), (0, area.right(), -1.0), (1, area.y, 1.0), (1, area.bottom(), -1.0)];
    for (axis, limit, sign) in sides {
        let depth = |p: (f64, f64)| sign * (if axis == 0 { p.0 } else { p.1 } - limit);
        let mut kept = Vec::with_capacity(points.len() + 4);
        for (k, &to) in points.iter().enumerate() {
            let from = points[(k + points.len() - 1) % points.len()];
            if (depth(from) >= 0.0) != (depth(to) >= 0.0) {
                let t = depth(from) / (depth(from) - depth(to));
                kept.push((from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1)));
            }
            if depth(to) >= 0.0 {
                kept.push(to);
            }
        }
        points = kept;
    }
    if points.len() < 3 {
        return String::new();
    }
    let mut data = String::new();
    for (k, (x, y)) in points.iter().enumerate() {
        let _ = write!(data, "{}{} {}", if k == 0 { "M" } else { "L" }, number(*x), number(*y));
    }
    data.push('Z');
    data
}

fn append_run(data: &mut String, run: &[(f64, f64)], area: &Rect) {
    if let [only] = run
        && area.contains(*only)
    {
        // A round cap makes a line of no length a dot: a lone value between two gaps stays visible.
        let _ = write!(data, "M{0} {1}L{0} {1}", number(only.0), number(only.1));
    }
    let mut pen = None;
    for pair in run.windows(2) {
        let Some((from, to)) = area.clip(pair[0], pair[1]) else {
            pen = None;
            continue;
        };
        if pen != Some(from) {
            let _ = write!(data, "M{} {}", number(from.0), number(from.1));
        }
        let _ = write!(data, "L{} {}", number(to.0), number(to.1));
        pen = Some(to);
    }
}

/// The same line without what no eye could see: of the points within one pixel of column, the lowest and the highest;
/// of points on top of each other, one. The first and the last stay.
fn thinned(run: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut start = 0;
    while start < run.len() {
        let length = run[start..].iter().take_while(|p| p.0.floor() == run[start].0.floor()).count();
        let column = start..start + length;
        let by_height = |a: &usize, b: &usize| run[*a].1.total_cmp(&run[*b].1);
        let mut chosen: Vec<usize> = column.clone().min_by(by_height).into_iter().collect();
        chosen.extend(column.clone().max_by(by_height));
        chosen.extend(column.clone().filter(|k| *k == 0 || *k + 1 == run.len() || length <= 3));
        chosen.sort_unstable();
        chosen.dedup();
        for k in chosen {
            let moved = |p: &(f64, f64)| (p.0 - run[k].0).hypot(p.1 - run[k].1) >= 0.05;
            if kept.last().is_none_or(moved) || k + 1 == run.len() && run.len() > 1 {
                kept.push(run[k]);
            }
        }
        start = column.end;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Rect = Rect { x: 0.0, y: 0.0, width: 100.0, height: 100.0 };

    fn of(points: &[(f64, f64)]) -> String {
        path(points.iter().map(|p| p.0.is_finite().then_some(*p)), &AREA)
    }

    #[test]
    fn lines_are_cut_at_the_frame_without_bending() {
        assert_eq!(of(&[(-50.0, -50.0), (50.0, 50.0)]), "M0 0L50 50");
        assert_eq!(
            of(&[(50.0, 50.0), (150.0, 50.0), (150.0, 80.0), (50.0, 80.0)]),
            "M50 50L100 50M100 80L50 80"
        );
        assert_eq!(of(&[(-10.0, 50.0), (-10.0, 90.0)]), "");
    }

    #[test]
    fn gaps_break_lines_and_lone_points_stay() {
        let gap = (f64::NAN, 0.0);
        assert_eq!(of(&[(0.0, 0.0), (10.0, 10.0), gap, (20.0, 20.0)]), "M0 0L10 10M20 20L20 20");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn long_lines_keep_their_extremes() {
        let mut points: Vec<(f64, f64)> =
            (0..50_000).map(|k| (k as f64 / 500.0, 50.0 + (k % 7) as f64)).collect();
        points[31_234].1 = 3.0;
        let thin = thinned(&points);
        assert!(thin.len() <= 2 * 101 + 2, "{}", thin.len());
        assert!(thin.contains(&points[31_234]));
        assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
    }

    #[test]
    fn areas_are_cut_to_the_frame() {
        let square = closed_path(&[(50.0, 50.0), (150.0, 50.0), (150.0, 150.0), (50.0, 150.0)], &AREA);
        for corner in ["50 50", "100 50", "100 100", "50 100"] {
            assert!(square.contains(corner), "{square}");
        }
        assert!(!square.contains("150"));
        assert_eq!(closed_path(&[(-9.0, 0.0), (-5.0, 9.0), (-7.0, 3.0)], &AREA), "");
        assert_eq!(closed_path(&[], &AREA), "");
    }
}
