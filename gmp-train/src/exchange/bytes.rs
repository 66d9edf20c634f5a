//! Numbers as the bytes of a message: four or eight for each, little-endian.
//!
//! A number is written in its own size, so that the compiler turns these loops into copies: the conversion through
//! `f64`, which is all that [`Scalar`] offers, is exact and is optimized away.

use gmp_math::Scalar;

/// Appends the bytes of the numbers.
pub(crate) fn to_bytes<T: Scalar>(numbers: &[T], bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.resize(start + size_of_val(numbers), 0);
    write(&mut bytes[start..], numbers);
}

/// Reads as many numbers as there are bytes for.
pub(crate) fn from_bytes<T: Scalar>(bytes: &[u8], numbers: &mut [T]) {
    if size_of::<T>() == 4 {
        for (to, &x) in numbers.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *to = T::from_f64(f64::from(f32::from_le_bytes(x)));
        }
    } else {
        for (to, &x) in numbers.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *to = T::from_f64(f64::from_le_bytes(x));
        }
    }
}

/// Writes the numbers over what the bytes were.
pub(super) fn write<T: Scalar>(bytes: &mut [u8], numbers: &[T]) {
    change(bytes, numbers, |_, number| number);
}

/// Adds a multiple of a vector to the numbers that the bytes are: `sum += share * x` for each.
pub(super) fn add<T: Scalar>(bytes: &mut [u8], share: T, vector: &[T]) {
    change(bytes, vector, |sum, x| sum + share * x);
}

/// Puts what `new` makes of a number and of one of the vector in the place of the number.
fn change<T: Scalar>(bytes: &mut [u8], vector: &[T], new: impl Fn(T, T) -> T) {
    if size_of::<T>() == 4 {
        for (bytes, &x) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(vector) {
            let number = T::from_f64(f64::from(f32::from_le_bytes(*bytes)));
            *bytes = (new(number, x).to_f64() as f32).to_le_bytes();
        }
    } else {
        for (bytes, &x) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(vector) {
            *bytes = new(T::from_f64(f64::from_le_bytes(*bytes)), x).to_f64().to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_with_their_bits_and_are_added_as_numbers_are() {
        fn check<T: Scalar>() {
            let numbers = [0.1, -0.0, 1e-310, f64::INFINITY, f64::MAX, 1.0 / 3.0].map(T::from_f64);
            let mut bytes = vec![7];
            to_bytes(&numbers, &mut bytes);
            assert_eq!((bytes[0], bytes.len()), (7, 1 + size_of_val(&numbers)));
            let mut back = [T::ONE; 6];
            from_bytes(&bytes[1..], &mut back);
            assert_eq!(back.map(|x| x.to_f64().to_bits()), numbers.map(|x| x.to_f64().to_bits()));

            let (share, vector) = (T::from_f64(0.7), [3.0, -0.0, 1e-300, 1.0, -1e-3, 0.1].map(T::from_f64));
            add(&mut bytes[1..], share, &vector);
            from_bytes(&bytes[1..], &mut back);
            let mut sums = numbers;
            sums.iter_mut().zip(vector).for_each(|(sum, x)| *sum += share * x);
            assert_eq!(back.map(|x| x.to_f64().to_bits()), sums.map(|x| x.to_f64().to_bits()));
        }
        check::<f32>();
        check::<f64>();
    }
}
