//! What the machine can do: multiply-adds from registers, and bytes from memory.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use gmp_math::Scalar;
use gmp_math::simd::{self, Kernel, dispatch};
use rayon::prelude::*;

/// Limits on the threads of the current pool, in operations and bytes a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    threads: usize,
    pub(super) flops32: f64,
    pub(super) flops64: f64,
    pub(super) bandwidth: f64,
}

impl Machine {
    /// The best of several short tries each: interruptions only ever slow down.
    pub(super) fn measure(threads: usize) -> Self {
        Self {
            threads,
            flops32: threads as f64 * multiply_adds::<f32>(),
            flops64: threads as f64 * multiply_adds::<f64>(),
            bandwidth: triad(threads),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, flops32, flops64, bandwidth } = self;
        writeln!(f, "Limits measured on {threads} thread{}:", if *threads == 1 { "" } else { "s" })?;
        writeln!(
            f,
            "  FMA peak          {:.1} GFLOP/s f32, {:.1} GFLOP/s f64",
            flops32 / 1e9,
            flops64 / 1e9
        )?;
        writeln!(
            f,
            "  memory bandwidth  {:.1} GB/s (what stays in the caches may exceed it)",
            bandwidth / 1e9
        )
    }
}

const TRIES: usize = 7;

/// Name of the processor, or its architecture where the system does not tell it.
pub(super) fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
        value.map(|value| value.trim().to_owned())
    };
    let Some(name) = field("model name") else { return std::env::consts::ARCH.to_owned() };
    match (field("cpu family"), field("model\t")) {
        // Virtual machines often call every processor of a maker by one name.
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name,
    }
}

/// Twelve vector registers of independent sums: enough to keep two units of latency four busy.
struct MultiplyAdds<'a, T> {
    /// Numbers in a register.
    lanes: usize,
    count: usize,
    factors: &'a [T],
    /// Both the first sums and the last.
    sums: &'a mut [T],
}
const SUMS: usize = 12;
/// Numbers in the widest register of any arm, which bounds the memory of a try.
const MOST_LANES: usize = 16;

impl<T: Scalar> MultiplyAdds<'_, T> {
    /// The sums have a name each: from one array of all, the compiler makes scalar code for the widest registers.
    #[inline(always)]
    fn repeat<const LANES: usize>(self) {
        let factors = self.factors.first_chunk::<LANES>().expect("a register of factors");
        let (stored, _) = self.sums.as_chunks_mut::<LANES>();
        let [a, b, c, d, e, f, g, h, i, j, k, l] =
            stored.first_chunk_mut::<SUMS>().expect("as many registers as sums");
        let mut first = (*a, *b, *c, *d, *e, *f);
        let mut second = (*g, *h, *i, *j, *k, *l);
        for _ in 0..self.count {
            first.0 = multiply_add(first.0, factors);
            first.1 = multiply_add(first.1, factors);
            first.2 = multiply_add(first.2, factors);
            first.3 = multiply_add(first.3, factors);
            first.4 = multiply_add(first.4, factors);
            first.5 = multiply_add(first.5, factors);
            second.0 = multiply_add(second.0, factors);
            second.1 = multiply_add(second.1, factors);
            second.2 = multiply_add(second.2, factors);
            second.3 = multiply_add(second.3, factors);
            second.4 = multiply_add(second.4, factors);
            second.5 = multiply_add(second.5, factors);
        }
        (*a, *b, *c, *d, *e, *f) = first;
        (*g, *h, *i, *j, *k, *l) = second;
    }
}

impl<T: Scalar> Kernel for MultiplyAdds<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        match self.lanes {
            4 => self.repeat::<4>(),
            8 => self.repeat::<8>(),
            _ => self.repeat::<16>(),
        }
    }
}

/// By value: the compiler then keeps the numbers in a register.
#[inline(always)]
fn multiply_add<T: Scalar, const LANES: usize>(mut sum: [T; LANES], factors: &[T; LANES]) -> [T; LANES] {
    for lane in 0..LANES {
        sum[lane] = sum[lane].mul_add(factors[lane], factors[lane]);
    }
    sum
}

/// Operations a second of the slowest thread, all of them busy at once.
fn multiply_adds<T: Scalar>() -> f64 {
    let count = 200_000;
    let lanes = simd::arm().register_bytes() / size_of::<T>();
    let operations = (2 * SUMS * lanes * count) as f64;
    let seconds = (0..TRIES)
        .map(|_| {
            let of_threads = rayon::broadcast(|_| {
                let factors = [T::from_f64(0.5); MOST_LANES];
                let mut sums = [T::ONE; SUMS * MOST_LANES];
                let start = Instant::now();
                let (factors, stored) = (black_box(&factors[..]), black_box(&mut sums[..]));
                dispatch(MultiplyAdds { lanes, count, factors, sums: stored });
                black_box(&sums);
                start.elapsed().as_secs_f64()
            });
            of_threads.into_iter().fold(0.0, f64::max)
        })
        .fold(f64::INFINITY, f64::min);
    operations / seconds
}

struct Triad<'a> {
    a: &'a mut [f32],
    b: &'a [f32],
    c: &'a [f32],
}
impl Kernel for Triad<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((a, b), c) in self.a.iter_mut().zip(self.b).zip(self.c) {
            *a = c.mul_add(0.5, *b);
        }
    }
}

/// Bytes a second of a ← b + c/2 over arrays far larger than any cache, as the STREAM benchmark counts them:
/// two read and one written, without the read that a write causes.
///
/// Source: McCalpin, "Memory bandwidth and machine balance in current high performance computers", 1995.
fn triad(threads: usize) -> f64 {
    const NUMBERS: usize = 1 << 24;
    let (mut a, b, c) = (vec![0.0f32; NUMBERS], vec![1.0f32; NUMBERS], vec![2.0f32; NUMBERS]);
    let part = NUMBERS.div_ceil(threads);
    let seconds = (0..TRIES)
        .map(|_| {
            let start = Instant::now();
            a.par_chunks_mut(part)
                .zip(b.par_chunks(part))
                .zip(c.par_chunks(part))
                .for_each(|((a, b), c)| dispatch(Triad { a, b, c }));
            black_box(&mut a);
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    (3 * NUMBERS * size_of::<f32>()) as f64 / seconds
}
