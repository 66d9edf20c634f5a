use super::mutation::{Allowed, replay};
use gmp_nn::{Mlp, Network, Normalization, Parameterization};
use gmp_train::safetensors;

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
