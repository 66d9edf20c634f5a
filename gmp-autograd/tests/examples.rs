//! The examples run to their ends.

#[path = "../examples/own_op.rs"]
mod own_op;

#[test]
fn own_op() {
    own_op::main().unwrap();
}
