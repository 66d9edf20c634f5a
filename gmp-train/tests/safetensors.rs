//! Networks on their way to other tools and back.

use ::safetensors::SafeTensors;
use ::safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use gmp_autograd::Tape;
use gmp_nn::{Element, Mlp, Network, Parameterization, Rng, fold};
use gmp_train::safetensors;
use std::process::Command;

fn network<T: Element>(form: Parameterization, seed: u64) -> Network<T> {
    let mut network = Mlp::new(3, &[7, 5], 2, form).build::<T>(seed).unwrap();
    let mut rng = Rng::new(seed, "disturb");
    network.parameters.values_mut().iter_mut().for_each(|p| *p += T::from_f64(0.3 * rng.normal()));
    network
}

fn evaluate<T: Element>(network: &Network<T>, x: &[T]) -> Vec<T> {
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(x, x.len() / 3, 3);
    let y = network.forward(&mut tape, x);
    tape.value(y).data().to_vec()
}

#[test]
fn every_parameterization_comes_back_as_it_went() {
    for form in Parameterization::ALL {
        let (single, double) = (network::<f32>(form, 1), network::<f64>(form, 1));
        let mut read = network::<f32>(form, 2);
        let bytes = safetensors::to_bytes(&single).unwrap();
        safetensors::from_bytes(&mut read, &bytes).unwrap();
        assert_eq!((&read.parameters, &read.buffers), (&single.parameters, &single.buffers));
        // Single precision widened, double precision rounded.
        let mut wide = network::<f64>(form, 2);
        safetensors::from_bytes(&mut wide, &bytes).unwrap();
        assert!(
            wide.parameters.values().iter().zip(single.parameters.values()).all(|(w, s)| *w == f64::from(*s))
        );
        safetensors::from_bytes(&mut read, &safetensors::to_bytes(&double).unwrap()).unwrap();
        assert!(
            read.parameters.values().iter().zip(double.parameters.values()).all(|(r, d)| *r == *d as f32)
        );
    }
}

#[test]
fn the_file_is_what_others_expect() {
    let bytes = safetensors::to_bytes(&network::<f32>(Parameterization::Standard, 1)).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let expected = [
        "hidden1.bias",
        "hidden1.weights",
        "hidden2.bias",
        "hidden2.weights",
        "output.bias",
        "output.weights",
    ];
    assert_eq!(names, expected);
    let (weights, bias) = (file.tensor("hidden2.weights").unwrap(), file.tensor("hidden2.bias").unwrap());
    assert_eq!((weights.dtype(), weights.shape(), bias.shape()), (Dtype::F32, &[7, 5][..], &[5][..]));
}

#[test]
fn files_that_do_not_fit_are_errors_and_change_nothing() {
    let mut geometric = network::<f32>(Parameterization::Geometric, 1);
    let before = geometric.parameters.clone();
    let plain = network::<f32>(Parameterization::Standard, 1);
    let bytes = safetensors::to_bytes(&plain).unwrap();
    let error = safetensors::from_bytes(&mut geometric, &bytes).unwrap_err().to_string();
    assert!(error.contains("the file has it, expected no such matrix"), "{error}");
    let mut other = Mlp::new(3, &[7, 6], 2, Parameterization::Standard).build::<f32>(1).unwrap();
    let error = safetensors::from_bytes(&mut other, &bytes).unwrap_err().to_string();
    assert_eq!(error, "hidden2.weights: the file has shape [7, 5], expected [7, 6]");
    let mut deeper = Mlp::new(3, &[7, 5, 5], 2, Parameterization::Standard).build::<f32>(1).unwrap();
    let error = safetensors::from_bytes(&mut deeper, &bytes).unwrap_err().to_string();
    assert_eq!(error, "hidden3.weights: the file has none, expected shape [5, 5]");
    assert_eq!(geometric.parameters, before);

    // Cut off anywhere, and 100,000 mutations: errors or numbers, never a panic.
    let mut read = network::<f32>(Parameterization::Standard, 2);
    for length in 0..bytes.len() {
        assert!(safetensors::from_bytes(&mut read, &bytes[..length]).is_err());
    }
    let mutations = std::env::var("GMP_MUTATIONS").map_or(100_000, |count| count.parse().unwrap());
    let mut rng = Rng::new(1, "mutations");
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut refused = 0;
    for _ in 0..mutations {
        let mut bytes = bytes.clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(8 + header);
            bytes[at] =
                if rng.below(2) == 0 { rng.bits() as u8 } else { b"0123456789[]{},:\""[rng.below(17)] };
        }
        refused += usize::from(safetensors::from_bytes(&mut read, &bytes).is_err());
    }
    assert!(refused > mutations / 2, "{refused} of {mutations} mutations refused");
}

/// Real PyTorch runs folded networks of every parameterization, and what it writes comes back.
#[test]
fn pytorch_agrees() {
    let python = std::env::var("GMP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import torch, safetensors.torch"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no torch and safetensors (GMP_PYTHON names another python)");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/load_in_pytorch.py");
    let folder = tempfile::tempdir().unwrap();
    let [file, check, saved] =
        ["network", "check", "saved"].map(|name| folder.path().join(format!("{name}.safetensors")));
    for form in Parameterization::ALL {
        let network = network::<f32>(form, 4);
        let mut rng = Rng::new(5, "inputs");
        let x: Vec<f32> = (0..60).map(|_| rng.normal() as f32).collect();
        let y = evaluate(&network, &x);
        let mut plain = fold::to_standard(&network).unwrap();
        safetensors::export(&plain, &file).unwrap();
        let bytes = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let (x_bytes, y_bytes) = (bytes(&x), bytes(&y));
        let view = |cols, bytes| TensorView::new(Dtype::F32, vec![20, cols], bytes).unwrap();
        serialize_to_file([("inputs", view(3, &x_bytes)), ("outputs", view(2, &y_bytes))], None, &check)
            .unwrap();
        let run = Command::new(&python).arg(script).args([&file, &check, &saved]).output().unwrap();
        let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{form}: {text}");
        println!("{form}: {}", text.lines().last().unwrap());
        safetensors::import(&mut plain, &saved).unwrap();
        for (doubled, y) in evaluate(&plain, &x).iter().zip(&y) {
            assert!((doubled - 2.0 * y).abs() <= 1e-5 * (1.0 + y.abs()), "{form}: {doubled} for 2·{y}");
        }
    }
}
