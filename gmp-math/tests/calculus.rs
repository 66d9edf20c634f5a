//! Properties of the derivatives: orthogonal coordinates, and products in O(n) (docs/THEORY.md §2).

mod common;
use common::*;
use gmp_math::Scalar;
use gmp_math::sphere::*;
use proptest::prelude::*;

fn wide<T: Scalar>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

fn full_jacobian<T: Scalar>(angles: &[T]) -> Vec<T> {
    let mut full = vec![T::ZERO; (angles.len() + 1) * angles.len()];
    jacobian(angles, &mut full);
    full
}

/// J e_j of one unit.
fn jacobian_column<T: Scalar>(angles: &[T], j: usize) -> Vec<T> {
    let (mut tangents, mut column) = (vec![T::ZERO; angles.len()], vec![T::ZERO; angles.len() + 1]);
    tangents[j] = T::ONE;
    directions_jvp(angles, 1, &tangents, &mut column);
    column
}

both!(
    /// JᵀJ = diag(g) (§2): some twenty pairs of columns of J for each θ, poles included, relative to √(g_i g_j).
    2000, jacobian_columns_are_orthogonal(inputs in dimension(2), seed in any::<u64>())
);
fn jacobian_columns_are_orthogonal<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let angles: Vec<T> = draw.angles(inputs);
    let columns = inputs - 1;
    let (mut metrics, mut exact) = (vec![T::ZERO; columns], vec![0.0; columns]);
    metric(&angles, 1, &mut metrics);
    metric(&wide(&angles), 1, &mut exact);
    // Columns shorter than the smallest normal number, or its root, whose squares are summed here, keep no relative accuracy.
    let length = |j: usize| exact[j].sqrt() + T::MIN_POSITIVE.to_f64() + f64::MIN_POSITIVE.sqrt();
    for _ in 0..4 {
        let left = (draw.uniform() * columns as f64) as usize;
        let left_column = jacobian_column(&angles, left);
        let bound = rounding::<T>(inputs) * exact[left] + T::MIN_POSITIVE.to_f64();
        prop_assert!((metrics[left].to_f64() - exact[left]).abs() <= bound);
        for right in [
            left,
            0,
            columns - 1,
            (draw.uniform() * columns as f64) as usize,
            left / 2,
            left.saturating_sub(1),
        ] {
            let expected = if left == right { exact[left] } else { 0.0 };
            let product = dot(&left_column, &jacobian_column(&angles, right));
            let bound = rounding::<T>(inputs) * length(left) * length(right);
            prop_assert!((product - expected).abs() <= bound, "{left}, {right}: {product:e} {expected:e}");
        }
    }
    Ok(())
}

both!(
    /// ⟨g, J v⟩ = ⟨Jᵀg, v⟩, at every θ and in every dimension.
    2000, vjp_is_the_adjoint_of_jvp(inputs in dimension(1), seed in any::<u64>())
);
fn vjp_is_the_adjoint_of_jvp<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let (angles, seeds): (Vec<T>, Vec<T>) = (draw.angles(inputs), draw.normals(inputs));
    let tangents: Vec<T> = draw.normals(inputs - 1);
    let mut direction_tangents = vec![T::ZERO; inputs];
    directions_jvp(&angles, 1, &tangents, &mut direction_tangents);
    let (left, right) = (dot(&seeds, &direction_tangents), dot(&vjp(&angles, &seeds), &tangents));
    let bound = rounding::<T>(inputs) * length(&seeds) * length(&tangents);
    prop_assert!((left - right).abs() <= bound, "{left:e} {right:e}");
    Ok(())
}

both!(
    /// The O(n) products are those of the full Jacobian (§2), relative to the terms that each sums.
    2000, products_equal_the_full_jacobian(inputs in 1..=128_usize, seed in any::<u64>())
);
fn products_equal_the_full_jacobian<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let (angles, seeds): (Vec<T>, Vec<T>) = (draw.angles(inputs), draw.normals(inputs));
    let tangents: Vec<T> = draw.normals(inputs - 1);
    let (full, columns) = (full_jacobian(&angles), inputs - 1);
    let mut direction_tangents = vec![T::ZERO; inputs];
    directions_jvp(&angles, 1, &tangents, &mut direction_tangents);
    let check = |found: T, a: &[T], b: &[T]| {
        let bound = rounding::<T>(inputs) * dot_of_magnitudes(a, b) + T::MIN_POSITIVE.to_f64();
        prop_assert!((found.to_f64() - dot(a, b)).abs() <= bound, "{found:e} {:e}", dot(a, b));
        Ok(())
    };
    for (k, found) in direction_tangents.iter().enumerate() {
        check(*found, &full[k * columns..][..columns], &tangents)?;
    }
    for (j, found) in vjp(&angles, &seeds).iter().enumerate() {
        let column: Vec<T> = full.iter().skip(j).step_by(columns).copied().collect();
        check(*found, &column, &seeds)?;
    }
    Ok(())
}

both!(
    /// Away from poles: ∂u_k/∂θ_j = u_k cot θ_j for k > j, −u_j tan θ_j for k = j and 0 for k < j, a closed form that shares
    /// nothing with ours but u (§2). Every entry to relative accuracy.
    2000, jacobian_equals_the_dividing_form(inputs in 2..=128_usize, seed in any::<u64>())
);
fn jacobian_equals_the_dividing_form<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let angles: Vec<T> = (0..inputs - 1).map(|_| T::from_f64(draw.between(0.3, 1.3))).collect();
    let full = full_jacobian(&angles);
    let u = direction(&wide(&angles));
    for k in 0..inputs {
        for j in 0..inputs - 1 {
            let angle = angles[j].to_f64();
            let expected = match k.cmp(&j) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => -u[k] * angle.tan(),
                std::cmp::Ordering::Greater => u[k] / angle.tan(),
            };
            let found = full[k * (inputs - 1) + j].to_f64();
            let bound = rounding::<T>(inputs) * expected.abs() + T::MIN_POSITIVE.to_f64();
            prop_assert!((found - expected).abs() <= bound, "{k}, {j}: {found:e} {expected:e}");
        }
    }
    Ok(())
}

both!(
    /// The Jacobian against central differences of u in double precision, one column for each case (§2). As a function of θ_j
    /// alone u_k is a sine or cosine times some C, to which the tolerance is relative.
    2000, jacobian_matches_differences(inputs in dimension(2), seed in any::<u64>())
);
fn jacobian_matches_differences<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let angles: Vec<T> = draw.angles(inputs);
    let j = (draw.uniform() * (inputs - 1) as f64) as usize;
    let column = jacobian_column(&angles, j);
    let moved = |h: f64| {
        let mut angles = wide(&angles);
        angles[j] += h;
        direction(&angles)
    };
    let h = 1e-5;
    let (ahead, here, behind) = (moved(h), moved(0.0), moved(-h));
    for k in 0..inputs {
        let difference = (ahead[k] - behind[k]) / (2.0 * h);
        let bound = (1e-8 + rounding::<T>(inputs)) * here[k].hypot(difference) + T::MIN_POSITIVE.to_f64();
        prop_assert!(
            (column[k].to_f64() - difference).abs() <= bound,
            "{k}, {j}: {} {difference:e}",
            column[k]
        );
    }
    Ok(())
}

both!(
    /// H v against central differences of the VJP, and vᵀH w = wᵀH v (§2).
    2000, hessian_products_match_differences(inputs in dimension(1), seed in any::<u64>())
);
fn hessian_products_match_differences<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let (angles, seeds): (Vec<T>, Vec<T>) = (draw.angles(inputs), draw.normals(inputs));
    let (v, w) = (draw.step(inputs - 1, 1.0), draw.step(inputs - 1, 1.0));
    let product = |v: &[f64]| {
        let v: Vec<T> = v.iter().map(|x| T::from_f64(*x)).collect();
        let mut product = vec![T::ZERO; inputs - 1];
        directions_hvp(&angles, 1, &seeds, &v, &mut product);
        product
    };
    let (along_v, along_w) = (product(&v), product(&w));
    let moved = |h: f64| {
        let angles: Vec<f64> = angles.iter().zip(&v).map(|(a, v)| a.to_f64() + h * v).collect();
        vjp(&angles, &wide(&seeds))
    };
    let h = 1e-5;
    let (ahead, behind) = (moved(h), moved(-h));
    let size = length(&seeds);
    for i in 0..inputs - 1 {
        let difference = (ahead[i] - behind[i]) / (2.0 * h);
        let error = (along_v[i].to_f64() - difference).abs();
        prop_assert!(error <= (1e-8 + 2.0 * rounding::<T>(inputs)) * size, "{i}: {error:e}");
    }
    let (left, right) = (dot(&wide(&along_v), &w), dot(&wide(&along_w), &v));
    prop_assert!((left - right).abs() <= 2.0 * rounding::<T>(inputs) * size, "{left:e} {right:e}");
    Ok(())
}

/// ln|det| and the determinant's sign, by elimination with row pivots.
fn log_determinant(mut matrix: Vec<f64>, n: usize) -> (f64, f64) {
    let (mut log, mut sign) = (0.0, 1.0);
    for k in 0..n {
        let pivot =
            (k..n).max_by(|&i, &j| matrix[i * n + k].abs().total_cmp(&matrix[j * n + k].abs())).unwrap();
        if pivot != k {
            sign = -sign;
            for j in 0..n {
                matrix.swap(k * n + j, pivot * n + j);
            }
        }
        log += matrix[k * n + k].abs().ln();
        sign *= matrix[k * n + k].signum();
        for i in k + 1..n {
            let factor = matrix[i * n + k] / matrix[k * n + k];
            for j in k..n {
                matrix[i * n + j] -= factor * matrix[k * n + j];
            }
        }
    }
    (log, sign)
}

both!(
    /// ln r^{n−1} ∏ sin^{n−1−i} θ_i against a numerical determinant of ∂w/∂(r, θ), which is positive; and ln √det(JᵀJ)
    /// against that of JᵀJ (§2). The matrices are in double precision for both.
    2000, log_volumes_match_determinants(inputs in 1..=96_usize, seed in any::<u64>(), radius in 0.1..10.0)
);
fn log_volumes_match_determinants<T: Scalar>(
    inputs: usize,
    seed: u64,
    radius: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let angles: Vec<T> = (0..inputs - 1).map(|_| T::from_f64(draw.between(0.8, 2.3))).collect();
    let radius = T::from_f64(radius);
    // Relative to the terms: those of the radius and of the angles may cancel.
    let relative = 4.0 * T::EPSILON.to_f64() + inputs as f64 * f64::EPSILON;
    let tolerance = |log: f64| relative * (1.0 + log.abs());
    let from_radius = (inputs - 1) as f64 * radius.to_f64().ln();
    let mut full = vec![0.0; inputs * inputs];
    polar_jacobian(&wide(&angles), radius.to_f64(), &mut full);
    let (log, sign) = log_determinant(full, inputs);
    let mut volume = [T::ZERO];
    polar_log_volume(&angles, &[radius], 1, &mut volume);
    prop_assert_eq!(sign, 1.0);
    let bound = tolerance(log.abs() + from_radius.abs());
    prop_assert!((volume[0].to_f64() - log).abs() <= bound, "{} {log}", volume[0]);

    let (columns, full) = (inputs - 1, full_jacobian(&wide(&angles)));
    let mut gram = vec![0.0; columns * columns];
    for row in full.chunks(columns.max(1)) {
        for i in 0..columns {
            for j in 0..columns {
                gram[i * columns + j] += row[i] * row[j];
            }
        }
    }
    let (log, _) = log_determinant(gram, columns);
    log_volume(&angles, 1, &mut volume);
    prop_assert!((2.0 * volume[0].to_f64() - log).abs() <= tolerance(log), "{} {log}", volume[0]);
    let mut determinant = [T::ZERO];
    metric_determinant(&angles, 1, &mut determinant);
    let error = (determinant[0].to_f64() - log.exp()).abs();
    prop_assert!(error <= tolerance(log) * log.exp() + T::MIN_POSITIVE.to_f64(), "{} {log}", determinant[0]);
    Ok(())
}

both!(
    /// Tangent and gradient of w = r·u(θ) are each other's adjoints and the products with ∂w/∂(r, θ) (§2).
    2000, polar_products_equal_the_polar_jacobian(inputs in 1..=64_usize, seed in any::<u64>(), radius in -5.0..5.0)
);
fn polar_products_equal_the_polar_jacobian<T: Scalar>(
    inputs: usize,
    seed: u64,
    radius: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let (angles, seeds): (Vec<T>, Vec<T>) = (draw.angles(inputs), draw.normals(inputs));
    let radius = [T::from_f64(radius)];
    let tangents: Vec<T> = draw.normals(inputs);
    let mut full = vec![T::ZERO; inputs * inputs];
    polar_jacobian(&angles, radius[0], &mut full);
    let mut weight_tangents = vec![T::ZERO; inputs];
    polar_jvp(&angles, &radius, 1, &tangents[1..], &tangents[..1], &mut weight_tangents);
    let bound = 6.0 * rounding::<T>(inputs) * length(&tangents).max(length(&seeds));
    for (row, found) in full.chunks(inputs).zip(&weight_tangents) {
        prop_assert!((found.to_f64() - dot(row, &tangents)).abs() <= bound);
    }
    let mut gradients = vec![T::ZERO; inputs];
    let (radius_gradient, angle_gradients) = gradients.split_at_mut(1);
    polar_vjp(&angles, &radius, 1, &seeds, angle_gradients, radius_gradient);
    for (j, found) in gradients.iter().enumerate() {
        let column: Vec<T> = full.iter().skip(j).step_by(inputs).copied().collect();
        prop_assert!((found.to_f64() - dot(&column, &seeds)).abs() <= bound);
    }
    Ok(())
}

both!(
    /// H v of ⟨g, r·u(θ)⟩ against central differences of the gradient in (r, θ), and vᵀH w = wᵀH v (§2).
    2000, polar_hessian_products_match_differences(
        inputs in dimension(1), seed in any::<u64>(), radius in -5.0..5.0
    )
);
fn polar_hessian_products_match_differences<T: Scalar>(
    inputs: usize,
    seed: u64,
    radius: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let (angles, seeds): (Vec<T>, Vec<T>) = (draw.angles(inputs), draw.normals(inputs));
    let radius = T::from_f64(radius);
    // Tangents of (r, θ): the first number is the radius's.
    let (v, w) = (draw.step(inputs, 1.0), draw.step(inputs, 1.0));
    let product = |v: &[f64]| {
        let v: Vec<T> = v.iter().map(|x| T::from_f64(*x)).collect();
        let mut product = vec![T::ZERO; inputs];
        let (of_radius, of_angles) = product.split_at_mut(1);
        polar_hvp(&angles, &[radius], 1, &seeds, &v[1..], &v[..1], of_angles, of_radius);
        product
    };
    let (along_v, along_w) = (product(&v), product(&w));
    let moved = |h: f64| {
        let angles: Vec<f64> = angles.iter().zip(&v[1..]).map(|(a, v)| a.to_f64() + h * v).collect();
        let mut gradient = vec![0.0; inputs];
        let (of_radius, of_angles) = gradient.split_at_mut(1);
        polar_vjp(&angles, &[radius.to_f64() + h * v[0]], 1, &wide(&seeds), of_angles, of_radius);
        gradient
    };
    let h = 1e-5;
    let (ahead, behind) = (moved(h), moved(-h));
    let size = (1.0 + radius.to_f64().abs()) * length(&seeds);
    for i in 0..inputs {
        let difference = (ahead[i] - behind[i]) / (2.0 * h);
        let error = (along_v[i].to_f64() - difference).abs();
        prop_assert!(error <= (1e-8 + 2.0 * rounding::<T>(inputs)) * size, "{i}: {error:e}");
    }
    let (left, right) = (dot(&wide(&along_v), &w), dot(&wide(&along_w), &v));
    prop_assert!((left - right).abs() <= 2.0 * rounding::<T>(inputs) * size, "{left:e} {right:e}");
    Ok(())
}
