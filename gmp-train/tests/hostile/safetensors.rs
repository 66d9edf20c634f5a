use super::mutation::{Allowed, replay, with_peak};
use gmp_nn::{Mlp, Network, Normalization, Parameterization};
use gmp_train::safetensors;
use gmp_train::safetensors::pytorch::{self, Naming};

fn network() -> Network<f32> {
    Mlp::new(3, &[7, 5], 2, Parameterization::Standard)
        .normalization(Normalization::batch())
        .build(1)
        .unwrap()
}

pub(crate) fn good() -> Vec<Vec<u8>> {
    vec![safetensors::to_bytes(&network()).unwrap()]
}

#[test]
fn hostile_safetensors_are_errors() {
    // JSON becomes names and shapes: tens of bytes for each entry of a few.
    let allowed = Allowed { per_byte: 64, at_any_rate: 1 << 16 };
    let read = |bytes: &[u8]| {
        let mut network = network();
        safetensors::from_bytes(&mut network, bytes).is_ok().then_some(())
    };
    replay("safetensors", &good(), allowed, |_, _| {}, read, drop);
}

/// Files that say what they are: a description is built in proportion to the file, or not at all.
#[test]
fn hostile_descriptions_are_errors() {
    let geometric = Mlp::new(3, &[7], 2, Parameterization::Geometric).build::<f32>(1).unwrap();
    let good = [
        safetensors::to_bytes(&geometric).unwrap(),
        pytorch::to_bytes(&network(), Naming::Sequential).unwrap(),
    ];
    let allowed = Allowed { per_byte: 64, at_any_rate: 1 << 16 };
    let read = |bytes: &[u8]| safetensors::network_from_bytes::<f32>(bytes).ok();
    replay("descriptions", &good, allowed, |_, _| {}, read, drop);
}

/// State dicts, as others write them.
#[test]
fn hostile_state_dicts_are_errors() {
    let good = [pytorch::to_bytes(&network(), Naming::Layers).unwrap()];
    let allowed = Allowed { per_byte: 64, at_any_rate: 1 << 16 };
    let read =
        |bytes: &[u8]| pytorch::from_bytes(&mut network(), bytes, Naming::Layers).is_ok().then_some(());
    replay("state dicts", &good, allowed, |_, _| {}, read, drop);
}

/// Two bytes for each of three million dimensions, which would become eight and more.
#[test]
fn a_tensor_of_very_many_dimensions_costs_nothing() {
    let bytes = &good()[0];
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    for dimensions in [500_000, 3_000_000] {
        let header = header.replacen("[7]", &format!("[{}7]", "1,".repeat(dimensions)), 1);
        let mut hostile = (header.len() as u64).to_le_bytes().to_vec();
        hostile.extend(header.bytes());
        hostile.extend(&bytes[8 + length..]);
        let (result, peak) = with_peak(|| safetensors::from_bytes(&mut network(), &hostile));
        assert!(result.is_err());
        assert!(peak < 16 << 20, "{peak} bytes of memory for {dimensions} dimensions");
    }
}
