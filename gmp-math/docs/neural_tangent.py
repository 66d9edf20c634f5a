"""The neural tangent kernels of a wide ReLU layer by numerical integration: no closed form is used.

Reads {"weights": c_w, "output": c_a, "pairs": [[x, y], ...]} from standard input and writes [[standard, geometric], ...].
Only the component of a random weight in the plane of x and y matters: its length has the second moment 2 there, and its
direction is uniform, so every mean is an integral over an angle. Needs NumPy.
"""

import json
import sys

import numpy as np

# Midpoints of a fine grid: the integrands have kinks, where the error is of second order.
ANGLES = (np.arange(1 << 20) + 0.5) * (2 * np.pi / (1 << 20))
PLANE = np.stack([np.cos(ANGLES), np.sin(ANGLES)])


def kernels(x, y, weights, output):
    x, y = np.array(x), np.array(y)
    n = len(x)
    if n == 1:
        # Both directions of a weight on a line; its square has the mean 1.
        directions, square = np.array([[1.0, -1.0]]), 1.0
        in_plane = np.array([x, y])
    else:
        basis, _ = np.linalg.qr(np.stack([x, y], axis=1))
        in_plane = np.stack([x @ basis, y @ basis])
        directions, square = PLANE, 2.0
    at_x, at_y = in_plane @ directions
    both = (at_x > 0) & (at_y > 0)
    products = square * np.mean(np.maximum(at_x, 0) * np.maximum(at_y, 0))
    active = np.mean(both)
    standard = weights * products + 1 + output * active * (x @ y + 1)
    # A uniform direction in n dimensions: u = w/|w|, and |w|^2 has the mean n.
    geometric = weights * products + 1 + output * products / n
    return standard, geometric


question = json.load(sys.stdin)
answers = [kernels(x, y, question["weights"], question["output"]) for x, y in question["pairs"]]
json.dump(answers, sys.stdout)
