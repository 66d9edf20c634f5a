//! The examples run, and their assertions hold.

#[path = "../examples/mixture.rs"]
mod mixture;
#[path = "../examples/own_activation.rs"]
mod own_activation;
#[path = "../examples/own_layer.rs"]
mod own_layer;
#[path = "../examples/own_normalization.rs"]
mod own_normalization;
#[path = "../examples/own_parameterization.rs"]
mod own_parameterization;

#[test]
fn mixture() {
    mixture::main().unwrap();
}

#[test]
fn own_activation() {
    own_activation::main();
}

#[test]
fn own_layer() {
    own_layer::main().unwrap();
}

#[test]
fn own_normalization() {
    own_normalization::main();
}

#[test]
fn own_parameterization() {
    own_parameterization::main();
}
