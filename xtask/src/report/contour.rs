//! Marching squares: where an interpolated grid of values equals a level.

use super::figure::Grid;

/// A piece of the curve between two points `(x, y)`.
pub(super) type Segment = [(f64, f64); 2];

impl Grid {
    /// Whether there is one value per node and at least two rows and columns.
    pub(super) fn is_whole(&self) -> bool {
        self.x.len() >= 2 && self.y.len() >= 2 && self.values.len() == self.x.len() * self.y.len()
    }
}

/// The segments of the curve at `level`, cell by cell. Cells with a corner that is not finite are skipped. In a saddle,
/// the mean of the corners decides which two of them are joined.
pub(super) fn segments(grid: &Grid, level: f64) -> Vec<Segment> {
    let mut segments = Vec::new();
    if !grid.is_whole() {
        return segments;
    }
    for row in 0..grid.y.len() - 1 {
        for column in 0..grid.x.len() - 1 {
            // Corners counter-clockwise from the bottom left, so that edge k joins corners k and k + 1.
            let corners = [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(dx, dy)| {
                let (i, j) = (column + dx, row + dy);
                (grid.x[i], grid.y[j], grid.values[j * grid.x.len() + i] - level)
            });
            if corners.iter().any(|c| !c.2.is_finite()) {
                continue;
            }
            let crossing = |edge: usize| {
                let ((x0, y0, v0), (x1, y1, v1)) = (corners[edge], corners[(edge + 1) % 4]);
                ((v0 > 0.0) != (v1 > 0.0)).then(|| {
                    let t = v0 / (v0 - v1);
                    (x0 + t * (x1 - x0), y0 + t * (y1 - y0))
                })
            };
            let found: Vec<(f64, f64)> = (0..4).filter_map(crossing).collect();
            match found[..] {
                [a, b] => segments.push([a, b]),
                [a, b, c, d] => {
                    let middle_is_high = corners.iter().map(|c| c.2).sum::<f64>() > 0.0;
                    if middle_is_high == (corners[0].2 > 0.0) {
                        segments.extend([[a, b], [c, d]]);
                    } else {
                        segments.extend([[d, a], [b, c]]);
                    }
                }
                _ => {}
            }
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize, f: impl Fn(f64, f64) -> f64) -> Grid {
        let axis: Vec<f64> = (0..n).map(|k| -2.0 + 4.0 * k as f64 / (n - 1) as f64).collect();
        let values = axis.iter().flat_map(|y| axis.iter().map(|x| f(*x, *y)).collect::<Vec<_>>()).collect();
        Grid { x: axis.clone(), y: axis, values }
    }

    #[test]
    fn the_contour_of_a_cone_is_a_circle_of_the_right_length() {
        let segments = segments(&grid(101, f64::hypot), 1.5);
        assert!(segments.iter().flatten().all(|(x, y)| (x.hypot(*y) - 1.5).abs() < 1e-3));
        let length: f64 = segments.iter().map(|[a, b]| (a.0 - b.0).hypot(a.1 - b.1)).sum();
        assert!((length - 3.0 * std::f64::consts::PI).abs() < 0.01, "{length}");
    }

    #[test]
    fn saddles_follow_the_mean_of_their_corners() {
        let square =
            |values: [f64; 4]| Grid { x: vec![0.0, 1.0], y: vec![0.0, 1.0], values: values.to_vec() };
        // High at two opposite corners: a high middle cuts off the low corners, a low middle the high ones.
        let cut_off = |values| {
            segments(&square(values), 0.0)
                .iter()
                .map(|[a, b]| (a.0 + b.0 > 1.0) == (a.1 + b.1 > 1.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(cut_off([3.0, -1.0, -1.0, 3.0]), [false, false]);
        assert_eq!(cut_off([1.0, -3.0, -3.0, 1.0]), [true, true]);
    }

    #[test]
    fn broken_grids_draw_nothing() {
        let mut broken = grid(3, |x, _| x);
        broken.values.pop();
        assert!(segments(&broken, 0.0).is_empty());
        assert!(segments(&grid(5, |_, _| f64::NAN), 0.0).is_empty());
        assert!(segments(&grid(5, |_, _| 1.0), 0.0).is_empty());
    }
}
