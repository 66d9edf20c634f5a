"""Geometric parameterization in PyTorch: the layers of this library as modules, and any weight as angles and radii.

    layer = GmPLinear(13, 100)                              # r · relu(u(θ)·x + λ)
    layer = GmPConv2d(3, 64, 3, padding=1)
    layer = GmPLinear.from_linear(trained, nn.ReLU())       # the same function as nn.Sequential(trained, nn.ReLU())
    parametrize.register_parametrization(nn.Linear(13, 100), "weight", Geometric())

`MeanNorm` is input mean normalization (IMN) after an activation, and mean-only batch normalization (MBN) before one.

Angles are (n − 1) × units, one column per unit with n inputs; the inputs of a convolution's filter are in the order (row,
column, channel). A direction is (cos θ₁, sin θ₁ cos θ₂, …, sin θ₁ ⋯ sin θₙ₋₁). Names and layouts are those of the files that
`gmp_train::safetensors::export` writes, so the `angles`, `offset` and `radius` of a layer can be copied without conversion.

Needs only torch.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def directions(angles):
    """The unit vectors of (n − 1) × units angles, n × units. They are exact and have a gradient at poles too."""
    one = torch.ones_like(angles[:1]) if len(angles) else angles.new_ones(1, angles.shape[1])
    products = torch.cat([one, torch.cumprod(torch.sin(angles), 0)])
    return products * torch.cat([torch.cos(angles), one])


def to_angles(weights):
    """Angles and radii of n × units weights with n > 1: `radii * directions(angles)` gives the weights back, with every sign.

    A column of zeros has radius 0 and angles 0.
    """
    tails = [weights[-1].abs()]  # ‖(w_k, …, w_n)‖ for k = n, n − 1, …, 1, with neither overflow nor underflow
    for row in reversed(weights[:-1].unbind()):
        tails.append(torch.hypot(tails[-1], row))
    tails = torch.stack(tails[::-1])
    last = torch.atan2(weights[-1], weights[-2])
    last = torch.where(last < 0, last + 2 * math.pi, last)
    angles = torch.cat([torch.atan2(tails[1:-1], weights[:-2]), last[None]])
    return angles, tails[0]


def as_columns(weight):
    """A weight of `nn.Linear` or `nn.Conv2d` as a matrix with one column per unit, with a filter's inputs in the order (row,
    column, channel)."""
    return weight.T if weight.dim() == 2 else weight.permute(2, 3, 1, 0).flatten(0, 2)


def from_columns(columns, shape):
    """The inverse of `as_columns`, for a weight of this shape."""
    if len(shape) == 2:
        return columns.T
    units, channels, rows, cols = shape
    return columns.reshape(rows, cols, channels, units).permute(3, 2, 0, 1)


class Geometric(nn.Module):
    """Angles and radii of a weight, for `torch.nn.utils.parametrize.register_parametrization`.

    They are initialized from the present weight, and `remove_parametrizations` leaves the weight that they compute. With one input
    per unit there are no angles, and the radius has the sign. The bias stays a bias: in `GmPLinear` it is λ, in units of the
    input.
    """

    def forward(self, angles, radius):
        return from_columns(radius * directions(angles), self.shape)

    def right_inverse(self, weight):
        self.shape = weight.shape
        columns = as_columns(weight)
        if len(columns) == 1:
            return columns.new_empty(0, columns.shape[1]), columns[0].clone()
        angles, radius = to_angles(columns)
        return angles.contiguous(), radius.contiguous()


class GmPUnits(nn.Module):
    """The common part of dense and convolutional units: angles θ, offsets λ and radii r, outside or inside the activation.

    With one input per unit there are no angles: the direction is a sign, which is not trained.
    """

    def __init__(self, shape, activation, inside, device, dtype):
        super().__init__()
        self.shape, self.activation, self.inside = shape, activation, inside
        units, inputs = shape[0], math.prod(shape[1:])
        new = {"device": device, "dtype": dtype}
        if inputs > 1:
            self.angles = nn.Parameter(torch.empty(inputs - 1, units, **new))
        else:
            self.register_buffer("sign", torch.empty(1, units, **new))
        self.offset = nn.Parameter(torch.empty(units, **new))
        self.radius = nn.Parameter(torch.empty(units, **new))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self):
        """Sets angles and radii of Glorot-uniform weights with the number of units as fan-out, as in the authors' code."""
        units, inputs = self.shape[0], math.prod(self.shape[1:])
        limit = math.sqrt(6 / (inputs + units))
        self.set_weight_and_bias(torch.empty(self.shape).uniform_(-limit, limit), torch.zeros(units))

    @torch.no_grad()
    def set_weight_and_bias(self, weight, bias):
        """Sets angles, radii and offsets from these weights and biases, with the same boundaries: λ = b/r."""
        columns = as_columns(weight)
        if len(columns) > 1:
            angles, radius = to_angles(columns)
            self.angles.copy_(angles)
        else:
            radius = columns[0].abs()
            self.sign.copy_(torch.where(columns < 0, -1.0, 1.0))
        offset = bias / radius
        if not offset.isfinite().all():
            unit = int((~offset.isfinite()).nonzero()[0])
            raise ValueError(f"unit {unit} has no boundary: its weights have the length {float(radius[unit])}")
        self.radius.copy_(radius)
        self.offset.copy_(offset)

    def directions(self):
        """n × units."""
        return directions(self.angles) if hasattr(self, "angles") else self.sign

    def forward(self, x):
        z = self.linear(x, from_columns(self.directions(), self.shape), self.offset)
        radius = self.radius.reshape(-1, *[1] * (len(self.shape) - 2))
        return self.activation(radius * z) if self.inside else radius * self.activation(z)

    def extra_repr(self):
        place = "inside" if self.inside else "outside"
        return f"{self.shape[0]} units, {math.prod(self.shape[1:])} inputs each, radius {place} the activation"


class GmPLinear(GmPUnits):
    """`radius * activation(x @ u(angles) + offset)`; with `inside`, `activation(radius * (x @ u(angles) + offset))`."""

    def __init__(self, in_features, out_features, activation=F.relu, inside=False, device=None, dtype=None):
        super().__init__((out_features, in_features), activation, inside, device, dtype)

    @classmethod
    def from_linear(cls, linear, activation=F.relu, inside=False):
        """The same function as `linear` followed by the activation; the radius is outside if that is homogeneous, as ReLU is."""
        made = cls(linear.in_features, linear.out_features, activation, inside, linear.weight.device, linear.weight.dtype)
        bias = torch.zeros_like(linear.weight[:, 0]) if linear.bias is None else linear.bias
        made.set_weight_and_bias(linear.weight, bias)
        return made

    @staticmethod
    def linear(x, weight, offset):
        return F.linear(x, weight, offset)


class GmPConv2d(GmPUnits):
    """Like `GmPLinear`, with a window that slides over images of the shape (n, channels, rows, columns)."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        activation=F.relu,
        inside=False,
        device=None,
        dtype=None,
    ):
        rows, cols = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        super().__init__((out_channels, in_channels, rows, cols), activation, inside, device, dtype)
        self.stride, self.padding = stride, padding

    @classmethod
    def from_conv2d(cls, conv, activation=F.relu, inside=False):
        """The same function as `conv`, without groups and dilation, followed by the activation."""
        if conv.groups != 1 or conv.dilation not in (1, (1, 1)) or conv.padding_mode != "zeros":
            raise ValueError(f"{conv}: expected one group, no dilation and zeros as padding")
        sizes = conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding
        made = cls(*sizes, activation, inside, conv.weight.device, conv.weight.dtype)
        bias = torch.zeros_like(conv.weight[:, 0, 0, 0]) if conv.bias is None else conv.bias
        made.set_weight_and_bias(conv.weight, bias)
        return made

    def linear(self, x, weight, offset):
        return F.conv2d(x, weight, offset, self.stride, self.padding)


class MeanNorm(nn.Module):
    """x − μ, with the mean of every feature over the batch, or of every channel over the batch and its pixels.

    After an activation it is input mean normalization (IMN), before one mean-only batch normalization (MBN). In evaluation
    it uses the running mean, which training updates as `momentum * running + (1 - momentum) * batch`.
    """

    def __init__(self, features, momentum=0.99, device=None, dtype=None):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(features, device=device, dtype=dtype))

    def forward(self, x):
        if self.training:
            mean = x.mean([axis for axis in range(x.dim()) if axis != 1])
            with torch.no_grad():
                self.running_mean.mul_(self.momentum).add_(mean, alpha=1 - self.momentum)
        else:
            mean = self.running_mean
        return x - mean.reshape(-1, *[1] * (x.dim() - 2))

    def extra_repr(self):
        return f"{len(self.running_mean)}, momentum={self.momentum}"
