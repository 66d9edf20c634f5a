#!/usr/bin/env python3
"""A network of plain weights and biases, dense or convolutional, in PyTorch, and back.

    load_in_pytorch.py network.json network.safetensors           prints the network
    load_in_pytorch.py network.json network.safetensors check.safetensors [saved.safetensors]

`network.json` is the network's description (`serde_json::to_string(network.spec())`), `network.safetensors` its
numbers (`gmp_train::safetensors::export`); `gmp_nn::fold::to_standard` makes plain weights of any network.

`check.safetensors` holds "inputs", images as (n, height, width, channels), and the "outputs" that are expected of them:
the script fails where PyTorch's differ by more than 1e-5 of the largest. With a fourth file the network is scaled by 2
at its last layer and saved there, so that the way back can be checked too.

Needs torch and safetensors (pip install torch safetensors).
"""

import json
import math
import sys

import torch
from safetensors.torch import load_file, save_file
from torch import nn


class Residual(nn.Module):
    def __init__(self, main, shortcut):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return torch.relu(self.main(x) + self.shortcut(x))


class AbsoluteValue(nn.Module):
    def forward(self, x):
        return x.abs()


ACTIVATIONS = {
    "relu": nn.ReLU,
    "absolute_value": AbsoluteValue,
    "hard_tanh": nn.Hardtanh,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def activation(layer, kind):
    """The modules of an activation, for the layer of this name."""
    if kind == "identity":
        return []
    if isinstance(kind, str) and kind in ACTIVATIONS:
        return [ACTIVATIONS[kind]()]
    if isinstance(kind, dict) and "leaky_relu" in kind:
        return [nn.LeakyReLU(kind["leaky_relu"]["slope"])]
    sys.exit(f"{layer}: no module for the activation {kind}")


class Builder:
    """Modules from a description. `units` has the ones with weights, by our names."""

    def __init__(self, features):
        self.units = {}
        # Of what flows into the next layer: channels, height, width; or one number.
        self.sizes = [features["vector"]] if "vector" in features else None
        if self.sizes is None:
            image = features["image"]
            self.sizes = [image["channels"], image["height"], image["width"]]

    def network(self, layers):
        """From pairs of a name and a layer."""
        return nn.Sequential(*(module for name, layer in layers for module in self.layer(name, layer)))

    def branch(self, name, layers):
        return self.network((f"{name}{i + 1}", layer) for i, layer in enumerate(layers))

    def layer(self, name, layer):
        if layer == "global_average_pool":
            self.sizes = self.sizes[:1]
            return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        ((kind, layer),) = layer.items()
        if kind == "residual":
            before = self.sizes
            main = self.branch(f"{name}.main", layer["main"])
            self.sizes = before
            return [Residual(main, self.branch(f"{name}.shortcut", layer["shortcut"]))]
        if kind == "max_pool":
            padding = self.slide(layer["window"], self.sizes[0])
            return [nn.ConstantPad2d(padding, -math.inf), nn.MaxPool2d(*size_and_stride(layer["window"]))]
        if layer.get("parameterization") != "SP":
            sys.exit(f"{name}: {kind} has no plain weights and biases; fold the network first")
        inputs = self.sizes[0]
        if kind == "dense":
            self.sizes = [layer["units"]]
            modules = [nn.Linear(inputs, layer["units"])]
        else:
            padding = self.slide(layer["window"], layer["filters"])
            modules = [nn.ZeroPad2d(padding), nn.Conv2d(inputs, layer["filters"], *size_and_stride(layer["window"]))]
        self.units[name] = modules[-1]
        return modules + activation(name, layer["activation"])

    def slide(self, window, channels):
        """Padding left, right, above and below, as PyTorch's pads want it."""
        size, stride = size_and_stride(window)
        padding, sizes = [], []
        for extent in self.sizes[1:]:
            before = after = 0
            if window["padding"] == "Same":
                both = max((math.ceil(extent / stride) - 1) * stride + size - extent, 0)
                before, after = both // 2, both - both // 2
            elif window["padding"] != "Valid":
                before = after = window["padding"]["Symmetric"]
            padding = [before, after, *padding]
            sizes.append((extent + before + after - size) // stride + 1)
        self.sizes = [channels, *sizes]
        return padding


def size_and_stride(window):
    return window["size"], window["stride"]


def to_pytorch(weights, module):
    """A column a unit, its inputs in the order (row, column, channel), as the module has it."""
    if isinstance(module, nn.Linear):
        return weights.T
    rows, columns = module.kernel_size
    return weights.reshape(rows, columns, module.in_channels, -1).permute(3, 2, 0, 1)


def from_pytorch(module):
    """The inverse."""
    if isinstance(module, nn.Linear):
        return module.weight.T
    return module.weight.permute(2, 3, 1, 0).flatten(0, 2)


def load(spec, matrices):
    """The network, and its modules with weights by name."""
    builder = Builder(spec["input"])
    network = builder.network(spec["layers"]).to(next(iter(matrices.values())).dtype)
    with torch.no_grad():
        for name, module in builder.units.items():
            module.weight.copy_(to_pytorch(matrices[f"{name}.weights"], module))
            module.bias.copy_(matrices[f"{name}.bias"])
    return network, builder.units


def matrices_of(units):
    """The inverse of `load`."""
    weights = {f"{name}.weights": from_pytorch(module).detach().contiguous() for name, module in units.items()}
    return weights | {f"{name}.bias": module.bias.detach() for name, module in units.items()}


def main(description, file, check=None, saved=None):
    with open(description, encoding="utf-8") as text:
        network, units = load(json.load(text), load_file(file))
    print(network)
    if check:
        numbers = load_file(check)
        inputs = numbers["inputs"]
        with torch.no_grad():
            outputs = network(inputs.permute(0, 3, 1, 2) if inputs.dim() == 4 else inputs)
        difference = ((outputs - numbers["outputs"]).abs().max() / numbers["outputs"].abs().max()).item()
        print(f"largest relative difference: {difference:.2e}")
        if not difference <= 1e-5:
            sys.exit("the outputs are not those of the file")
    if saved:
        with torch.no_grad():
            last = list(units.values())[-1]
            last.weight.mul_(2)
            last.bias.mul_(2)
        save_file(matrices_of(units), saved, metadata={"format": "pt"})


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
