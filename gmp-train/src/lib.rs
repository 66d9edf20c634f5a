//! Datasets, optimizers, schedules and one training loop.
