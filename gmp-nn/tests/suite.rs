//! The tests that need no process of their own, in one program: the networks that they train are compiled once for all.

mod activations;
mod axes;
mod convolutional;
mod fold;
mod forms;
mod images;
mod names;
mod networks;
mod neural_tangent;
mod ops;
mod pytorch;
mod summary;
