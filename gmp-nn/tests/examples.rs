//! The examples run, and their assertions hold.

#[path = "../examples/own_activation.rs"]
mod own_activation;

#[test]
fn own_activation() {
    own_activation::main();
}
