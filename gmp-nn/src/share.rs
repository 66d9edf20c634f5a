//! Hands contiguous shares of the output to the threads of the current rayon pool.

/// Multiplications that are worth a thread: some 200 µs of work. With fewer it costs more than it brings.
pub(crate) const MULTIPLICATIONS: usize = 1 << 23;
/// Numbers of a pass over memory that are worth a thread.
pub(crate) const NUMBERS: usize = 1 << 18;

/// How many threads to give `work` to, so much of which is `worth_a_thread`.
pub(crate) fn threads(work: usize, worth_a_thread: usize) -> usize {
    rayon::current_num_threads().min(work / worth_a_thread).max(1)
}

/// Runs `work` on `parts` contiguous shares of `units`, each with its part of every output and an area of its own.
///
/// `offset(u)` is where unit u's numbers begin in the outputs; outputs that are empty stay empty. What is
/// computed for a unit must not depend on its share, so that results do not depend on `parts`.
pub(crate) fn share<T: Send, const K: usize>(
    units: std::ops::Range<usize>,
    parts: usize,
    outputs: [&mut [T]; K],
    area: &mut [T],
    offset: &(impl Fn(usize) -> usize + Sync),
    work: &(impl Fn(std::ops::Range<usize>, [&mut [T]; K], &mut [T]) + Sync),
) {
    let parts = parts.min(units.len());
    if parts <= 1 {
        return work(units, outputs, area);
    }
    let left = parts / 2;
    let middle = units.start + units.len() * left / parts;
    let cut = offset(middle) - offset(units.start);
    let (area_left, area_right) = area.split_at_mut(area.len() / parts * left);
    let mut halves = outputs.map(|out| {
        let cut = cut.min(out.len());
        let (below, above) = out.split_at_mut(cut);
        (Some(below), Some(above))
    });
    let mut take = |side: usize| {
        std::array::from_fn(|k| {
            let half = if side == 0 { halves[k].0.take() } else { halves[k].1.take() };
            half.expect("each half is taken once")
        })
    };
    let (below, above) = (take(0), take(1));
    rayon::join(
        || share(units.start..middle, left, below, area_left, offset, work),
        || share(middle..units.end, parts - left, above, area_right, offset, work),
    );
}
