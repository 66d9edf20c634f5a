//! Runs kernels compiled for the vector instructions that this machine has.
//!
//! The build uses the default target. A kernel is a struct that holds its operands and implements
//! [`Kernel`]; [`dispatch`] runs one of three compilations of the same body, the *arms*: for AVX-512, for AVX2 and FMA,
//! and for the default target (on aarch64 that has NEON). [`arm`] is the widest that the processor has. All compute the
//! same bits, since the compiler never reorders floating-point sums and [`Scalar::mul_add`](crate::Scalar::mul_add)
//! rounds once on every machine.
//!
//! The environment variable `GMP_SIMD` (`portable`, `avx2` or `avx512`) chooses an arm that is no wider than the
//! processor's, to compare the arms or for tools that do not know the widest instructions. It is read once, by the
//! first kernel of a process; any other value has no effect. [`force`] does the same within a process, for tests.
//!
//! ```
//! use gmp_math::simd::{Kernel, dispatch};
//!
//! struct Axpy<'a> { a: f64, x: &'a [f64], y: &'a mut [f64] }
//! impl Kernel for Axpy<'_> {
//!     type Output = ();
//!     #[inline(always)]
//!     fn run(self) {
//!         for (y, x) in self.y.iter_mut().zip(self.x) {
//!             *y = self.a.mul_add(*x, *y);
//!         }
//!     }
//! }
//! let mut y = [1.0, 2.0];
//! dispatch(Axpy { a: 2.0, x: &[10.0, 20.0], y: &mut y });
//! assert_eq!(y, [21.0, 42.0]);
//! ```

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A loop that is worth compiling for wider vectors. Mark `run` and everything that it calls `#[inline(always)]`:
/// a function that is not inlined keeps the default target's instructions. [`dispatch`] runs it.
pub trait Kernel {
    /// What the kernel returns.
    type Output;
    /// The body.
    fn run(self) -> Self::Output;
}

/// An instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arm {
    /// The default target of the build.
    Portable = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// AVX-512 (F, VL, DQ and BW), with AVX2 and FMA.
    Avx512 = 3,
}

impl Arm {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Those that this machine can run, the narrowest first.
    ///
    /// ```
    /// use gmp_math::simd::Arm;
    /// assert_eq!(Arm::available().next(), Some(Arm::Portable));
    /// ```
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|arm| arm.is_available())
    }

    /// Whether this machine can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = || std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
            match self {
                Self::Portable => true,
                Self::Avx2 => avx2(),
                Self::Avx512 => {
                    avx2()
                        && std::is_x86_feature_detected!("avx512f")
                        && std::is_x86_feature_detected!("avx512vl")
                        && std::is_x86_feature_detected!("avx512dq")
                        && std::is_x86_feature_detected!("avx512bw")
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::Portable
        }
    }

    /// Bytes of its vector registers; for the portable arm, of those that every x86-64 and aarch64 processor has.
    ///
    /// ```
    /// use gmp_math::simd::Arm;
    /// assert_eq!(Arm::ALL.map(Arm::register_bytes), [16, 32, 64]);
    /// ```
    #[must_use]
    pub const fn register_bytes(self) -> usize {
        match self {
            Self::Portable => 16,
            Self::Avx2 => 32,
            Self::Avx512 => 64,
        }
    }

    /// Its name, as used in `GMP_SIMD`: `avx2`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The arm in use; 0 until the first kernel asks.
static CHOICE: AtomicU8 = AtomicU8::new(0);

/// The arm that kernels run with: the widest that the processor has, unless `GMP_SIMD` or [`force`] chose another.
/// The cost is one load.
#[inline]
pub fn arm() -> Arm {
    // Relaxed: the choice publishes no other memory.
    match CHOICE.load(Ordering::Relaxed) {
        1 => Arm::Portable,
        2 => Arm::Avx2,
        3 => Arm::Avx512,
        _ => choose(),
    }
}

#[cold]
fn choose() -> Arm {
    let wanted = std::env::var_os("GMP_SIMD");
    let limit = Arm::ALL.into_iter().find(|arm| wanted.as_ref().is_some_and(|wanted| wanted == arm.name()));
    let widest = Arm::available().filter(|&arm| limit.is_none_or(|limit| arm <= limit)).last();
    let arm = widest.unwrap_or(Arm::Portable);
    // Where a test forced an arm in the meantime, its choice stays.
    let _ = CHOICE.compare_exchange(0, arm as u8, Ordering::Relaxed, Ordering::Relaxed);
    arm
}

/// Makes all kernels of the process run with `arm` until the returned value is dropped, for tests that compare arms.
/// All arms give the same bits, so other threads are not affected. Only one call is active at a time; a second call
/// waits for the first.
///
/// ```
/// use gmp_math::simd::{self, Arm};
/// let forced = simd::force(Arm::Portable);
/// assert_eq!(simd::arm(), Arm::Portable);
/// drop(forced);
/// ```
///
/// # Panics
/// If the machine does not have it.
#[must_use]
pub fn force(arm: Arm) -> Forced {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    assert!(arm.is_available(), "this machine cannot run {arm} kernels");
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Forced { before: CHOICE.swap(arm as u8, Ordering::Relaxed), _turn: turn }
}

/// A guard: while it exists, kernels run with the arm given to [`force`].
#[derive(Debug)]
pub struct Forced {
    before: u8,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Forced {
    fn drop(&mut self) {
        CHOICE.store(self.before, Ordering::Relaxed);
    }
}

/// Runs `kernel` with the instructions of [`arm`].
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match arm() {
        // SAFETY: `arm` is available, so the processor has the instruction sets that the function is compiled for.
        Arm::Avx512 => return unsafe { with_avx512(kernel) },
        // SAFETY: as above.
        Arm::Avx2 => return unsafe { with_avx2(kernel) },
        Arm::Portable => {}
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Asks the processor to bring numbers into its caches that will be read or written soon, in an order that it does not foresee.
#[inline(always)]
pub(crate) fn prefetch<T>(numbers: &[T]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in numbers.chunks(64 / size_of::<T>()) {
        // SAFETY: every x86-64 processor has the instruction, which neither reads nor writes as far as the program can tell.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast())
        };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = numbers;
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Horner<'a>(&'a [f32], &'a mut [f32]);
    impl Kernel for Horner<'_> {
        type Output = ();
        #[inline(always)]
        fn run(self) {
            for (y, &x) in self.1.iter_mut().zip(self.0) {
                *y = x.mul_add(x.mul_add(0.3, -0.7), 0.1);
            }
        }
    }

    #[test]
    fn all_arms_give_the_same_bits() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32).sin() * 1e3).collect();
        let mut expected = vec![0.0; x.len()];
        Horner(&x, &mut expected).run();
        for wanted in Arm::available() {
            let _forced = force(wanted);
            assert_eq!(arm(), wanted);
            let mut y = vec![0.0; x.len()];
            dispatch(Horner(&x, &mut y));
            assert!(expected.iter().zip(&y).all(|(a, b)| a.to_bits() == b.to_bits()), "{wanted}");
        }
        let names: Vec<&str> = Arm::available().map(Arm::name).collect();
        println!("kernels ran with: {}", names.join(", "));
    }

    /// In processes of their own, since the choice is made once.
    #[test]
    fn the_environment_chooses_the_arm() {
        let name = "simd::tests::the_environment_chooses_the_arm";
        if let Some(wanted) = std::env::var_os("GMP_SIMD_EXPECTED") {
            assert!(wanted == arm().name(), "{:?} for {wanted:?}", arm());
            return;
        }
        let widest = Arm::available().last().unwrap();
        let limits = Arm::ALL.map(|limit| (limit.name(), limit.min(widest)));
        for (variable, expected) in limits.into_iter().chain([("nonsense", widest)]) {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let child = child.args([name, "--exact"]).env("GMP_SIMD", variable);
            let output = child.env("GMP_SIMD_EXPECTED", expected.name()).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{variable}: {text}");
        }
    }

    #[test]
    fn an_arm_that_the_machine_lacks_cannot_be_forced() {
        for arm in Arm::ALL.into_iter().filter(|arm| !arm.is_available()) {
            assert!(std::panic::catch_unwind(|| force(arm)).is_err());
        }
    }
}
