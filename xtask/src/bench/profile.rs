//! `--profile-step`: where the time of one training step goes, operation by operation.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Result;
use gmp_autograd::{Operation, Phase, Tape, Watch};
use gmp_math::simd;

use super::Workload;
use super::machine::{self, Machine};
use super::networks::{Part, Step};
use super::timing::Rounds;
use crate::method::MethodId;
use crate::report::color::Color;
use crate::report::figure::{Anchor, Axis, BarSeries, Figure, Layer, Legend, Panel};
use crate::terminal::print;

/// The seconds of every operation of a step, forward and backward.
#[derive(Clone, Default)]
struct Stopwatch(Arc<Mutex<Times>>);

#[derive(Default)]
struct Times {
    begun: Option<Instant>,
    seconds: Vec<[f64; 2]>,
}

impl Watch for Stopwatch {
    fn begins(&mut self, _: Phase, _: usize) {
        self.0.lock().expect("no thread panics with it").begun = Some(Instant::now());
    }
    fn ends(&mut self, phase: Phase, index: usize) {
        let now = Instant::now();
        let times = &mut *self.0.lock().expect("no thread panics with it");
        let Some(begun) = times.begun.take() else { return };
        if times.seconds.len() <= index {
            times.seconds.resize(index + 1, [0.0; 2]);
        }
        times.seconds[index][usize::from(phase == Phase::Backward)] = (now - begun).as_secs_f64();
    }
}

/// One line of the profile.
struct Line {
    what: String,
    seconds: f64,
    cost: Cost,
}

/// What it must do at least.
#[derive(Clone, Copy)]
enum Cost {
    /// Multiplications and additions of products; of convolutions as direct ones, which Winograd's algorithm undercuts.
    Flops(f64),
    /// Bytes read and written.
    Bytes(f64),
}

impl Cost {
    /// Of an operation in f32: of a product of the inputs, or of reading them and writing the result. Backwards, a product
    /// is two, except for that of the network's input; anything else reads the gradient and its inputs and writes gradients.
    fn of(operation: &Operation, phase: Phase, is_first: bool) -> Self {
        let is_product = ["conv2d", "affine", "matmul"].iter().any(|name| operation.name.contains(name));
        let (inputs, output) = (operation.inputs(), operation.output);
        match (inputs, is_product) {
            ([_, weights, ..], true) => {
                let product = 2.0 * output.rows as f64 * weights.len() as f64;
                let count = if phase == Phase::Backward && !is_first { 2.0 } else { 1.0 };
                Self::Flops(count * product)
            }
            _ => {
                let read: usize = inputs.iter().map(|shape| shape.len()).sum();
                let numbers = match phase {
                    Phase::Forward => read + output.len(),
                    Phase::Backward => 2 * read + output.len(),
                };
                Self::Bytes((numbers * size_of::<f32>()) as f64)
            }
        }
    }

    /// GFLOP/s or GB/s, and the share of the machine's limit.
    fn words(self, seconds: f64, machine: &Machine) -> (String, f64) {
        match self {
            Self::Flops(flops) => {
                (format!("{:.1} GFLOP/s", flops / seconds / 1e9), flops / seconds / machine.flops32)
            }
            Self::Bytes(bytes) => {
                (format!("{:.1} GB/s", bytes / seconds / 1e9), bytes / seconds / machine.bandwidth)
            }
        }
    }
}

/// Prints the profile of a step and draws it into `folder`.
///
/// # Errors
/// If the network cannot be built, the output cannot be written or the figure cannot be drawn.
pub(super) fn run(
    workload: Workload,
    method: MethodId,
    rounds: Rounds,
    machine: &Machine,
    folder: &Path,
) -> Result<()> {
    let mut step = Step::new(workload, method)?;
    let mut tape = Tape::new();
    let stopwatch = Stopwatch::default();
    // A step without the watch first: what the watch costs would show.
    let whole = rounds.time(|| step.run(&mut tape, &mut |_| {})).median;
    tape.set_watch(Some(Box::new(stopwatch.clone())));
    let (mut passes, mut outside) = (Vec::new(), Vec::<[f64; 2]>::new());
    for _ in 0..=rounds.count() {
        let (mut begun, mut seconds) = (Instant::now(), [0.0; 2]);
        step.run(&mut tape, &mut |part| {
            let part_seconds = begun.elapsed().as_secs_f64();
            match part {
                Part::Begin => seconds[0] = part_seconds,
                Part::Optimizer => seconds[1] = part_seconds,
                // Told operation by operation.
                Part::Forward | Part::Backward => {}
            }
            begun = Instant::now();
        });
        passes.push(stopwatch.0.lock().expect("no thread panics with it").seconds.clone());
        outside.push(seconds);
    }
    // The first allocated.
    let median_of = |numbers: Vec<f64>| {
        let mut sorted = numbers[1..].to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let operations: Vec<Operation> = tape.operations().collect();
    let first_product = operations.iter().position(|operation| operation.name.contains("conv2d"));
    let mut lines = Vec::new();
    for (phase, word) in [(Phase::Forward, "forward"), (Phase::Backward, "backward")] {
        let side = usize::from(phase == Phase::Backward);
        for operation in &operations {
            let seconds = median_of(passes.iter().map(|pass| pass[operation.index][side]).collect());
            if seconds > 0.0 {
                let what = format!("{word} {} {}", operation.name, operation.output);
                let cost = Cost::of(operation, phase, Some(operation.index) == first_product);
                lines.push(Line { what, seconds, cost });
            }
        }
    }
    let parameters = step.parameters();
    let optimizer = median_of(outside.iter().map(|seconds| seconds[1]).collect());
    // Momentum: gradients are read, parameters and velocities read and written.
    let cost = Cost::Bytes((5 * parameters * size_of::<f32>()) as f64);
    lines.push(Line { what: "optimizer".to_owned(), seconds: optimizer, cost });
    let begin = median_of(outside.iter().map(|seconds| seconds[0]).collect());
    let cost = Cost::Bytes((2 * parameters * size_of::<f32>()) as f64);
    lines.push(Line { what: "parameters and images to the tape".to_owned(), seconds: begin, cost });
    let head = format!("{}, {} kernels", machine::processor(), simd::arm());
    let name = format!("profile-{}-{}", workload.name(), method.name.replace('+', "-"));
    let paths = figure(&name, &format!("One training step of {} ({method})", workload.name()), &lines)
        .write(folder)?;
    let drawn = format!("drawn in {} and {}", paths[0].display(), paths[1].display());
    let text = [head, machine.to_string(), table(&lines, whole, machine), drawn].join("\n");
    for line in text.lines() {
        // Whoever reads may stop early.
        if print(line)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn table(lines: &[Line], whole: f64, machine: &Machine) -> String {
    let sum: f64 = lines.iter().map(|line| line.seconds).sum();
    let mut text =
        format!("{:<56}{:>10}{:>8}  {:<16}{:>14}\n", "operation", "ms", "share", "rate", "of the limit");
    for line in lines {
        let (rate, share) = line.cost.words(line.seconds, machine);
        let _ = writeln!(
            text,
            "{:<56}{:>10.3}{:>7.1}%  {rate:<16}{:>13.0}%",
            line.what,
            1e3 * line.seconds,
            100.0 * line.seconds / sum,
            100.0 * share
        );
    }
    let _ = write!(
        text,
        "{:<56}{:>10.3}   a step without profiling takes {:.3} ms",
        "sum",
        1e3 * sum,
        1e3 * whole
    );
    text
}

/// Bars of the operations that take the most time.
fn figure(name: &str, title: &str, lines: &[Line]) -> Figure {
    const SHOWN: usize = 24;
    let mut sorted: Vec<&Line> = lines.iter().collect();
    sorted.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    sorted.truncate(SHOWN);
    let categories = (1..=sorted.len()).map(|rank| rank.to_string()).collect();
    let values = sorted.iter().map(|line| (1e3 * line.seconds, 0.0)).collect();
    let series = vec![BarSeries { label: "time".to_owned(), color: Color::GREEN, values }];
    let mut panel =
        Panel::new("", Axis::linear("operation, the slowest first"), Axis::linear("milliseconds"))
            .with(Layer::Bars { categories, series })
            .legend(Legend::Hidden);
    let most = sorted.first().map_or(1.0, |line| 1e3 * line.seconds);
    for (rank, line) in sorted.iter().enumerate().take(8) {
        panel = panel.with(Layer::Text {
            at: (3.0, most * (0.98 - 0.09 * rank as f64)),
            string: format!("{}: {}", rank + 1, line.what),
            anchor: Anchor::Start,
            color: Color::INK,
        });
    }
    Figure::new(name, title).row(260.0, vec![panel])
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_nn::op;

    /// Of 6×4 times 4×3 products, forward and backward, and of reading and writing beside them.
    #[test]
    fn what_operations_cost() {
        let mut tape = Tape::<f32>::new();
        tape.begin(&[]);
        let (x, w) = (tape.variable(&[1.0; 24], 6, 4), tape.variable(&[1.0; 12], 4, 3));
        let b = tape.variable(&[1.0; 3], 1, 3);
        let y = op::affine(&mut tape, x, w, b, gmp_nn::Activation::Relu);
        gmp_autograd::op::relu(&mut tape, y);
        let operations: Vec<Operation> = tape.operations().collect();
        let amount = |index: usize, phase, is_first| match Cost::of(&operations[index], phase, is_first) {
            Cost::Flops(flops) => (flops, 0.0),
            Cost::Bytes(bytes) => (0.0, bytes),
        };
        let product = 2.0 * 6.0 * 4.0 * 3.0;
        assert_eq!(amount(3, Phase::Forward, false), (product, 0.0));
        assert_eq!(amount(3, Phase::Backward, false), (2.0 * product, 0.0));
        assert_eq!(amount(3, Phase::Backward, true), (product, 0.0), "the images' gradient is not computed");
        assert_eq!(amount(4, Phase::Forward, false), (0.0, 4.0 * 36.0));
        assert_eq!(amount(4, Phase::Backward, false), (0.0, 4.0 * 54.0));
    }
}
