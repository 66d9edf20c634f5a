//! The tests that need no process of their own, in one program: the networks that they train are compiled once for all.

mod arms;
mod broken_numbers;
mod checkpoint;
mod data_errors;
mod denormals;
mod examples;
mod fit;
#[path = "../../gmp-nn/tests/forms.rs"]
mod forms;
mod golden;
mod image_files;
mod image_loader;
mod images;
mod log;
mod monitors;
mod observers;
#[cfg(feature = "onnx")]
mod onnx;
mod optimizers;
mod own;
mod safetensors;
mod schedules;
mod stability;
mod state_dicts;
mod stopping;
mod torch_modules;
