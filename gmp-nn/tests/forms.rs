//! The units that the paper compares, and what its reviewers asked for.

#![allow(dead_code, reason = "no test program has all of them")]

use gmp_nn::zoo::Variant;
use gmp_nn::{Mlp, Normalization, Parameterization};

/// One of them, by the name that it has in the fixtures of PyTorch.
pub(crate) fn form(name: &str) -> Variant {
    use Parameterization::{Geometric, Standard, WeightNorm};
    let (parameterization, normalization) = match name {
        "SP" => (Standard, Normalization::None),
        "WN" => (WeightNorm, Normalization::None),
        "BN" => (Standard, Normalization::batch()),
        "GmP" => (Geometric, Normalization::None),
        "WN+MBN" => (WeightNorm, Normalization::batch_mean()),
        "GmP+IMN" => (Geometric, Normalization::input_mean()),
        "WN+IMN" => (WeightNorm, Normalization::input_mean()),
        "LN" => (Standard, Normalization::layer()),
        _ => panic!("{name} is not known"),
    };
    Variant::new(parameterization).normalization(normalization)
}

/// Those of dense networks.
pub(crate) const DENSE: [&str; 4] = ["SP", "WN", "BN", "GmP"];
/// Those that fold.
pub(crate) const FOLDABLE: [&str; 7] = ["SP", "WN", "WN+MBN", "BN", "GmP", "GmP+IMN", "WN+IMN"];
/// All.
pub(crate) const ALL: [&str; 8] = ["SP", "WN", "WN+MBN", "BN", "GmP", "GmP+IMN", "WN+IMN", "LN"];

/// A dense network of such units.
pub(crate) fn mlp(inputs: usize, hidden: &[usize], outputs: usize, name: &str) -> Mlp {
    let Variant { parameterization, normalization, .. } = form(name);
    Mlp::new(inputs, hidden, outputs, parameterization).normalization(normalization)
}
