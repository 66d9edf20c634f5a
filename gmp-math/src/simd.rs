//! Runs a kernel compiled for the vector instructions that this machine has.
//!
//! The build uses the default target. A kernel is a struct that holds its operands and implements
//! [`Kernel`]; [`dispatch`] runs one of two compilations of the same body: one for AVX2 and FMA where
//! the processor has them, and one for the default target everywhere else. Both compute the same bits,
//! since the compiler never reorders floating-point sums and [`Scalar::mul_add`](crate::Scalar::mul_add)
//! rounds once on every machine.
//!
//! The environment variable `GMP_SIMD=portable` chooses the second compilation on every machine, to compare the two or
//! for tools that do not know the instructions of the first. It is read once, by the first kernel of a process;
//! any other value changes nothing.
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

#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

/// A loop worth compiling for wider vectors. Mark `run` and all that it calls `#[inline(always)]`:
/// a function that is not inlined keeps the default target's instructions. [`dispatch`] runs it.
pub trait Kernel {
    /// What the kernel returns.
    type Output;
    /// The body.
    fn run(self) -> Self::Output;
}

/// Whether kernels run with AVX2 and FMA: the processor has both, and `GMP_SIMD` is not `portable`. One cached load.
#[inline]
pub fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        static CHOICE: OnceLock<bool> = OnceLock::new();
        *CHOICE.get_or_init(|| {
            std::env::var_os("GMP_SIMD").is_none_or(|wanted| wanted != "portable")
                && std::is_x86_feature_detected!("avx2")
                && std::is_x86_feature_detected!("fma")
        })
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Runs `kernel` with the widest instructions that [`has_avx2`] allows.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has the two instruction sets that `with_avx2` is compiled for.
        return unsafe { with_avx2(kernel) };
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
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
    fn both_compilations_give_the_same_bits() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32).sin() * 1e3).collect();
        let (mut portable, mut chosen) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        Horner(&x, &mut portable).run();
        dispatch(Horner(&x, &mut chosen));
        assert!(portable.iter().zip(&chosen).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    /// In a process of its own, since the choice is made once.
    #[test]
    fn the_environment_chooses_the_portable_kernels() {
        let name = "simd::tests::the_environment_chooses_the_portable_kernels";
        if std::env::var_os("GMP_SIMD").is_some_and(|wanted| wanted == "portable") {
            assert!(!has_avx2());
            both_compilations_give_the_same_bits();
            return;
        }
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args([name, "--exact"]).env("GMP_SIMD", "portable").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}
