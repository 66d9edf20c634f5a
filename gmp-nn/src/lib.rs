//! Layers and ReLU networks under standard, weight, batch and geometric parameterization.
