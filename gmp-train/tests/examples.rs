//! Every example of the crate does what it says.

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[path = "../examples/classification.rs"]
mod classification;
#[test]
fn classification_runs() -> Outcome {
    classification::main()
}

#[cfg(feature = "image")]
#[path = "../examples/images.rs"]
mod images;
#[cfg(feature = "image")]
#[test]
fn images_runs() -> Outcome {
    images::main()
}

#[cfg(feature = "ndarray")]
#[path = "../examples/ndarray.rs"]
mod arrays;
#[cfg(feature = "ndarray")]
#[test]
fn ndarray_runs() -> Outcome {
    arrays::main()
}

#[path = "../examples/neural_tangent.rs"]
mod neural_tangent;
#[test]
fn neural_tangent_runs() -> Outcome {
    neural_tangent::main()
}

#[path = "../examples/own_loop.rs"]
mod own_loop;
#[test]
fn own_loop_runs() -> Outcome {
    own_loop::main()
}

#[path = "../examples/own_loss.rs"]
mod own_loss;
#[test]
fn own_loss_runs() -> Outcome {
    own_loss::main()
}

#[path = "../examples/own_model.rs"]
mod own_model;
#[test]
fn own_model_runs() -> Outcome {
    own_model::main()
}

#[path = "../examples/own_observer.rs"]
mod own_observer;
#[test]
fn own_observer_runs() -> Outcome {
    own_observer::main()
}

#[path = "../examples/own_optimizer.rs"]
mod own_optimizer;
#[test]
fn own_optimizer_runs() -> Outcome {
    own_optimizer::main()
}

#[path = "../examples/own_schedule.rs"]
mod own_schedule;
#[test]
fn own_schedule_runs() -> Outcome {
    own_schedule::main()
}

#[path = "../examples/predict.rs"]
mod predict;
#[test]
fn predict_runs() -> Outcome {
    predict::main()
}

#[path = "../examples/pytorch.rs"]
mod pytorch;
#[test]
fn pytorch_runs() -> Outcome {
    pytorch::main()
}

#[path = "../examples/regression.rs"]
mod regression;
#[test]
fn regression_runs() -> Outcome {
    regression::main()
}
