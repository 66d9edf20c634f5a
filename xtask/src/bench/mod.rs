//! `cargo xtask bench`: the speed of the engine beside the limits of the machine.
//!
//! | workload | a case is |
//! |---|---|
//! | `gemm` | a matrix product in f32 |
//! | `mlp` | one training step of a 13→100→1 network: forward, backward, Adam |
//! | `levy` | a whole run of 10,000 epochs on 50 points |
//! | `rivals` | one training step under GmP and the other ways to a bounded turn |
//! | `transform` | angles to directions, without and with the backward pass |
//! | `activations` | one training step under GmP with each activation |
//! | `normalizations` | the same with each normalization |
//! | `conv` | a pass of a convolution in f32, counted as a direct one |
//! | `vgg6` | one training step of the paper's VGG-6 on 32 images: forward, backward, SGD with momentum |
//! | `resnet18` | the same of ResNet-18 on 8 images |
//!
//! Every figure is the median of several rounds after a warm-up, and is shown beside the limit that binds it:
//! the multiply-adds or the memory bandwidth that the same machine reached a moment before. A convolution by fewer
//! multiplications than a direct one may exceed it. Networks are measured in a process each, which tells its peak memory.

mod against;
mod cases;
mod convolutions;
mod machine;
mod networks;
mod pin;
mod profile;
mod timing;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use crate::method::{self, MethodId};
use crate::terminal::print;
use against::{Earlier, Ratio};
use gmp_math::simd;
use machine::Machine;
use timing::{Rounds, Timing};

/// Benchmark the engine against the limits of this machine
#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:\n  \
    cargo xtask bench                     every case on one thread, as a table\n  \
    cargo xtask bench mlp levy --json     one JSON line per case\n  \
    cargo xtask bench gemm --threads 2    matrix products on two threads\n  \
    cargo xtask bench vgg6 --threads 2    training steps of VGG-6, with their peak memory\n  \
    cargo xtask bench --profile-step vgg6 the time of a step by operation\n  \
    cargo xtask bench vgg6 --scaling 8    the same on 1, 2, 4 and 8 threads, with the speed-up\n  \
    cargo xtask bench --json > before; …; cargo xtask bench --against before\n                                        \
    the speed-up of each case\n\n\
    The machine should be idle. Figures are medians; `spread` is the range of the rounds around it. GMP_SIMD=avx2 or\n\
    GMP_SIMD=portable measures kernels with narrower registers than the machine has."
)]
pub struct BenchArguments {
    /// Workloads to time [default: all]
    #[arg(value_enum)]
    workloads: Vec<Workload>,
    /// Set the number of threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Measure on 1, 2, 4, … and N threads, and show the speed-up over one
    #[arg(long, value_name = "N", conflicts_with = "threads", value_parser = clap::value_parser!(u16).range(1..=1024))]
    scaling: Option<u16>,
    /// Pin every thread to its own core (Linux)
    #[arg(long)]
    pin: bool,
    /// Compare with a file of lines that `--json` printed: 1.30× is 30% faster, with the range of both runs' rounds
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Show the time of each operation of one training step: vgg6 or resnet18, under every chosen method; the figure
    /// goes to the folder of --out
    #[arg(long, value_name = "NETWORK", conflicts_with_all = ["workloads", "scaling", "against", "json"])]
    profile_step: Option<Profiled>,
    /// Set the folder for the figure of --profile-step
    #[arg(long, value_name = "FOLDER", default_value = "out/bench", requires = "profile_step")]
    out: PathBuf,
    /// Print one JSON object per case and nothing else
    #[arg(long)]
    json: bool,
    /// Set the number of timed rounds per case
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Set the shortest round in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 20, hide = true)]
    round_milliseconds: u64,
    /// Measure vgg6 and resnet18 under this method only [default: all; --profile-step: GmP+IMN]
    #[arg(long, value_name = "METHOD")]
    method: Option<MethodId>,
    /// Measure a network in this process, and print what a parent process reads
    #[arg(long, hide = true, requires = "method", requires = "workloads")]
    here: bool,
}

/// A network whose step is told operation by operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Profiled {
    /// Batch 32
    Vgg6,
    /// Batch 8
    Resnet18,
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Workload {
    /// Matrix products, f32
    Gemm,
    /// One training step: 13→100→1, mean absolute error, Adam; all four methods
    Mlp,
    /// A run of 10,000 epochs: 1→100→1 on 50 points, f64
    Levy,
    /// One training step as in mlp, under GmP and the other methods with a bounded turn, f64
    Rivals,
    /// Angles of n×512 weights to directions, and the vector-Jacobian product
    Transform,
    /// One training step as in mlp, of 1024 samples under GmP, with every activation
    Activations,
    /// The same with every normalization
    Normalizations,
    /// Passes of the convolutions of both networks, f32
    Conv,
    /// One training step of VGG-6: batch 32, softmax cross-entropy, SGD with momentum; all six methods, f32
    Vgg6,
    /// One training step of ResNet-18: batch 8, the same
    Resnet18,
}

impl Workload {
    const ALL: [Self; 10] = [
        Self::Gemm,
        Self::Mlp,
        Self::Levy,
        Self::Rivals,
        Self::Transform,
        Self::Activations,
        Self::Normalizations,
        Self::Conv,
        Self::Vgg6,
        Self::Resnet18,
    ];

    /// Its name on the command line.
    const fn name(self) -> &'static str {
        match self {
            Self::Gemm => "gemm",
            Self::Mlp => "mlp",
            Self::Levy => "levy",
            Self::Rivals => "rivals",
            Self::Transform => "transform",
            Self::Activations => "activations",
            Self::Normalizations => "normalizations",
            Self::Conv => "conv",
            Self::Vgg6 => "vgg6",
            Self::Resnet18 => "resnet18",
        }
    }
}

/// The figures of a case in its unit.
struct Figures {
    median: f64,
    fastest: f64,
    slowest: f64,
}

/// One measured case.
struct Case {
    workload: Workload,
    name: String,
    metric: &'static str,
    unit: &'static str,
    /// Of one product, step, run or transform.
    timing: Timing,
    /// From seconds to the unit.
    figure: fn(seconds: f64, work: Work) -> f64,
    work: Work,
    /// In MiB, of a process of the case's own.
    peak_memory: Option<f64>,
}

/// What one repetition must do at least, and so which limit of the machine binds it.
#[derive(Clone, Copy)]
enum Work {
    /// Floating-point operations in f32.
    Flops32(f64),
    /// Floating-point operations in f64.
    Flops64(f64),
    /// Bytes read and written.
    Bytes(f64),
}

impl Work {
    fn amount(self) -> f64 {
        let (Self::Flops32(amount) | Self::Flops64(amount) | Self::Bytes(amount)) = self;
        amount
    }
}

/// The form that other implementations print too, so that the lines can be joined; those that only we have stand last.
#[derive(Serialize)]
struct Line<'a> {
    workload: Workload,
    case: &'a str,
    #[serde(rename = "impl")]
    implementation: &'static str,
    threads: u16,
    metric: &'static str,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_mb: Option<f64>,
    fastest: f64,
    slowest: f64,
    simd: &'static str,
    processor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_up: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    against: Vec<Ratio>,
}

/// Runs the command: one line per case on standard output, as soon as it is measured.
///
/// # Errors
/// If the threads cannot be started, the file to compare with is none, or the output cannot be written.
pub fn run(arguments: &BenchArguments) -> anyhow::Result<ExitCode> {
    let rounds = Rounds::new(arguments.rounds, arguments.round_milliseconds);
    if let Some(network) = arguments.profile_step {
        let workload = match network {
            Profiled::Vgg6 => Workload::Vgg6,
            Profiled::Resnet18 => Workload::Resnet18,
        };
        let method = arguments.method.unwrap_or(method::GMP_IMN);
        return pool(arguments, arguments.threads)?.install(|| {
            let machine = Machine::measure(arguments.threads.into());
            profile::run(workload, method, rounds, &machine, &arguments.out)?;
            Ok(ExitCode::SUCCESS)
        });
    }
    // How a run of this command measures networks: in processes of their own.
    if let (true, Some(method), Some(&workload)) =
        (arguments.here, arguments.method, arguments.workloads.first())
    {
        let pool = pool(arguments, arguments.threads)?;
        pool.install(|| networks::measure_here(workload, method, rounds))?;
        return Ok(ExitCode::SUCCESS);
    }
    let earlier = arguments.against.as_deref().map(Earlier::read).transpose()?.unwrap_or_default();
    let mut report = Report { earlier, processor: machine::processor(), one_thread: HashMap::new() };
    for threads in thread_counts(arguments) {
        let flow = pool(arguments, threads)?.install(|| measure(arguments, threads, rounds, &mut report))?;
        // Whoever reads may stop early, as `head` does.
        if flow.is_break() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Powers of two up to the largest number, and that.
fn thread_counts(arguments: &BenchArguments) -> Vec<u16> {
    let Some(most) = arguments.scaling else { return vec![arguments.threads] };
    let powers = (0..16).map(|power| 1 << power).take_while(|&threads| threads < most);
    powers.chain([most]).collect()
}

fn pool(arguments: &BenchArguments, threads: u16) -> anyhow::Result<rayon::ThreadPool> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.into());
    let builder = if arguments.pin { pin::pinned(builder)? } else { builder };
    builder.build().with_context(|| format!("cannot start {threads} threads"))
}

/// What lines need beside their case.
struct Report {
    earlier: Earlier,
    processor: String,
    /// Seconds of every case on one thread, once they are known.
    one_thread: HashMap<(Workload, String, &'static str), f64>,
}

fn measure(
    arguments: &BenchArguments,
    threads: u16,
    rounds: Rounds,
    report: &mut Report,
) -> anyhow::Result<ControlFlow<()>> {
    let machine = if arguments.json { None } else { Some(Machine::measure(threads.into())) };
    if let Some(machine) = &machine {
        let head = format!(
            "{:<15}{:<32}{:<16}{:>12}  {:<8}{:>12}  of the limit",
            "workload", "case", "metric", "median", "unit", "spread"
        );
        let intro = format!("{}, {} kernels", report.processor, simd::arm());
        for line in [&intro[..]].into_iter().chain(machine.to_string().lines()).chain([&head[..]]) {
            if print(line)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    let chosen =
        |workload: &Workload| arguments.workloads.is_empty() || arguments.workloads.contains(workload);
    for workload in Workload::ALL.into_iter().filter(chosen) {
        let mut written = Ok(ControlFlow::Continue(()));
        let mut show = |case: Case| {
            if matches!(written, Ok(ControlFlow::Continue(()))) {
                written = print(&report.line(&case, machine.as_ref(), threads));
            }
        };
        match workload {
            Workload::Vgg6 | Workload::Resnet18 => {
                networks::measure(workload, arguments, threads, &mut show)?;
            }
            Workload::Conv => convolutions::measure(rounds, &mut show),
            _ => cases::measure(workload, rounds, &mut show),
        }
        if written?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

impl Report {
    /// A row of the table where the machine was measured, a line of JSON otherwise.
    fn line(&mut self, case: &Case, machine: Option<&Machine>, threads: u16) -> String {
        let key = (case.workload, case.name.clone(), case.metric);
        let speed_up = self.one_thread.get(&key).map(|one| one / case.timing.median);
        if threads == 1 {
            self.one_thread.insert(key, case.timing.median);
        }
        let ratios = self.earlier.ratios(case, threads);
        let Some(machine) = machine else { return case.json(threads, &self.processor, speed_up, ratios) };
        let speed_up = speed_up.map(|speed_up| format!(", {speed_up:.2}× one thread"));
        let ratios = ratios.iter().map(|ratio| format!(", {}", ratio.words()));
        case.row(machine) + &speed_up.into_iter().chain(ratios).collect::<String>()
    }
}

impl Case {
    fn value(&self, seconds: f64) -> f64 {
        (self.figure)(seconds, self.work)
    }

    fn figures(&self) -> Figures {
        let Timing { median, fastest, slowest } = self.timing;
        let [median, fastest, slowest] = [median, fastest, slowest].map(|seconds| self.value(seconds));
        Figures { median, fastest, slowest }
    }

    /// Whether more of it is faster: it counts what is done per second.
    fn is_a_rate(&self) -> bool {
        self.unit.ends_with("/s")
    }

    fn json(&self, threads: u16, processor: &str, speed_up: Option<f64>, against: Vec<Ratio>) -> String {
        let Figures { median, fastest, slowest } = self.figures();
        let line = Line {
            workload: self.workload,
            case: &self.name,
            implementation: "gmp",
            threads,
            metric: self.metric,
            value: median,
            unit: self.unit,
            rss_mb: self.peak_memory,
            fastest,
            slowest,
            simd: simd::arm().name(),
            processor,
            speed_up,
            against,
        };
        serde_json::to_string(&line).expect("numbers and names are JSON")
    }

    fn row(&self, machine: &Machine) -> String {
        let Timing { median, fastest, slowest } = self.timing;
        let (limit, what) = match self.work {
            Work::Flops32(_) => (machine.flops32, "FMA peak"),
            Work::Flops64(_) => (machine.flops64, "FMA peak"),
            Work::Bytes(_) => (machine.bandwidth, "memory bandwidth"),
        };
        let workload = self.workload.name();
        let value = self.value(median);
        let decimals = if value < 1.0 { 4 } else { 1 };
        let spread =
            format!("-{:.0}% +{:.0}%", 100.0 * (1.0 - fastest / median), 100.0 * (slowest / median - 1.0));
        let memory = self.peak_memory.map_or(String::new(), |peak| format!(", peak memory {peak:.0} MiB"));
        format!(
            "{workload:<15}{:<32}{:<16}{value:>12.decimals$}  {:<8}{spread:>12}  {:>4.0}% of {what}{memory}",
            self.name,
            self.metric,
            self.unit,
            100.0 * self.work.amount() / median / limit,
        )
    }
}
