//! Three classes, the third of them rare and therefore weighted; the learning rate warms up and falls along a cosine.
//!
//! `cargo run --example classification`

use gmp_train::{
    AdamW, Dataset, Loss, Metric, Mlp, Parameterization, Rng, Schedule, Span, Trainer, evaluate,
};

/// Points around three centres; a class is the number 0, 1 or 2 in one column.
fn points(samples: usize, seed: u64) -> Result<Dataset<f64>, gmp_train::Error> {
    let mut rng = Rng::new(seed, "points");
    let (mut inputs, mut classes) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let class = [0, 0, 0, 0, 1, 1, 1, 1, 2][rng.below(9)];
        let angle = 2.1 * f64::from(class);
        inputs.extend([2.0 * angle.cos() + rng.normal(), 2.0 * angle.sin() + rng.normal()]);
        classes.push(f64::from(class));
    }
    Dataset::new(inputs, 2, classes, 1)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let training = points(400, 1)?.with_class_weights(&[1.0, 1.0, 4.0])?;
    let mut validation = points(200, 2)?;

    let mut network = Mlp::new(2, &[30, 30], 3, Parameterization::Geometric).build::<f64>(1)?;
    let trainer = Trainer {
        batch_size: 50,
        epochs: 40,
        learning_rate: 0.02,
        metrics: vec![Metric::TopK(1)],
        schedule: Some(Schedule::WarmUp.during(Span::Epochs(3)).then(Schedule::cosine())),
        ..Trainer::of(Loss::SoftmaxCrossEntropy)
    };
    trainer.fit(&mut network, &mut AdamW::new(1e-3), &training, Some(&validation), &mut ())?;

    let metrics = [Metric::Loss(Loss::SoftmaxCrossEntropy), Metric::TopK(1)];
    let values = evaluate(&network, &mut validation, &metrics)?;
    for (metric, value) in metrics.iter().zip(&values) {
        println!("{metric}: {value:.3}");
    }
    assert!(values[1] > 0.85);

    // Classes from 1 are refused, and the message says which sample it was.
    let from_one = Dataset::new(vec![0.0, 0.0, 1.0, 1.0], 2, vec![1.0, 3.0], 1)?;
    let error = trainer.fit(&mut network, &mut AdamW::new(0.0), &from_one, None, &mut ()).unwrap_err();
    println!("{error}");
    assert!(error.to_string().contains("target 3 at sample 1"));
    Ok(())
}
