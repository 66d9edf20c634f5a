#!/usr/bin/env python3
"""Loads a network of this library in PyTorch, and writes it back.

    load_in_pytorch.py network.safetensors                                       prints the network
    load_in_pytorch.py network.safetensors check.safetensors [saved.safetensors]

`network.safetensors` is a file of `gmp_train::safetensors::export`, which describes its network. Layers may
have any parameterization, normalization and activation of this library; `load` returns a module that trains as the
network does, and `save` writes one back.

`check.safetensors` holds "inputs", images as (n, height, width, channels), and the expected "outputs":
the script fails if PyTorch's differ by more than 1e-5 of the largest. With a third file the parameters of the last layer
that has any are multiplied by 2 and the network is saved there, so that saving can be checked too.

A file of `gmp_train::safetensors::pytorch::export` needs none of this: it is a `state_dict` for `load_state_dict`.

Needs torch and safetensors (pip install torch safetensors), and gmp_torch.py in the same folder.
"""

import json
import math
import sys

import torch
from gmp_torch import GmPConv2d, GmPLinear, MeanNorm, as_columns, from_columns
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.parametrizations import weight_norm


class Residual(nn.Module):
    def __init__(self, main, shortcut):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return torch.relu(self.main(x) + self.shortcut(x))


class AbsoluteValue(nn.Module):
    def forward(self, x):
        return x.abs()


class Flatten(nn.Module):
    """Flattens images in the order (row, column, channel)."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class LayerNorm(nn.Module):
    """Layer normalization of features, or of the channels of every pixel."""

    def __init__(self, features, epsilon, affine):
        super().__init__()
        self.norm = nn.LayerNorm(features, epsilon, elementwise_affine=affine)

    def forward(self, x):
        return self.norm(x) if x.dim() == 2 else self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


ACTIVATIONS = {
    "identity": nn.Identity,
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
    if isinstance(kind, str) and kind in ACTIVATIONS:
        return ACTIVATIONS[kind]()
    if isinstance(kind, dict) and "leaky_relu" in kind:
        return nn.LeakyReLU(kind["leaky_relu"]["slope"])
    sys.exit(f"{layer}: no module for the activation {kind}")


class Builder:
    """Builds modules from a description. `places` has, for the name of every matrix in the file, the tensor of the module
    that holds it, the function that converts the matrix to the tensor, and its inverse."""

    def __init__(self, features):
        self.places = {}
        # Features of the next layer's input: channels, height, width; or one number.
        self.sizes = [features["vector"]] if "vector" in features else None
        if self.sizes is None:
            image = features["image"]
            self.sizes = [image["channels"], image["height"], image["width"]]

    def network(self, layers):
        """Builds a network from pairs of a name and a layer."""
        return nn.Sequential(*(module for name, layer in layers for module in self.layer(name, layer)))

    def branch(self, name, layers):
        return self.network((f"{name}{i + 1}", layer) for i, layer in enumerate(layers))

    def layer(self, name, layer):
        if layer == "global_average_pool":
            self.sizes = self.sizes[:1]
            return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if layer == "flatten":
            self.sizes = [math.prod(self.sizes)]
            return [Flatten()]
        ((kind, layer),) = layer.items()
        if kind == "residual":
            before = self.sizes
            main = self.branch(f"{name}.main", layer["main"])
            self.sizes = before
            return [Residual(main, self.branch(f"{name}.shortcut", layer["shortcut"]))]
        if kind == "max_pool":
            padding = self.slide(layer["window"], self.sizes[0])
            return [nn.ConstantPad2d(padding, -math.inf), nn.MaxPool2d(*size_and_stride(layer["window"]))]
        if kind == "normalization":
            return [self.normalization(name, layer["normalization"]), activation(name, layer["activation"])]
        return self.units(name, layer)

    def units(self, name, layer):
        normalization = layer.get("normalization", "none")
        of_inputs = isinstance(normalization, dict) and "input_mean" in normalization
        before = [self.normalization(name, normalization)] if of_inputs else []
        is_normalized = normalization != "none" and not of_inputs
        inputs, units = self.sizes[0], layer.get("units", layer.get("filters"))
        if "window" in layer:
            before.append(nn.ZeroPad2d(self.slide(layer["window"], units)))
            sizes = inputs, units, *size_and_stride(layer["window"])
        else:
            self.sizes = [units]
            sizes = inputs, units
        act = activation(name, layer["activation"])
        if layer["parameterization"] == "GmP":
            if is_normalized:
                # Between the linear map and the activation of units whose radius is outside.
                act = nn.Sequential(self.normalization(name, normalization), act)
            inside = layer.get("geometric", {}).get("radius") == "inside"
            made = (GmPConv2d if "window" in layer else GmPLinear)(*sizes, activation=act, inside=inside)
            for own in ["angles", "sign", "offset", "radius"]:
                if hasattr(made, own):
                    self.place(f"{name}.{own}", getattr(made, own))
            return [*before, made]
        made = (nn.Conv2d if "window" in layer else nn.Linear)(*sizes)
        shape = made.weight.shape
        columns = lambda tensor: from_columns(tensor, shape)
        if layer["parameterization"] == "WN":
            weight_norm(made, dim=0)
            length, v = made.parametrizations.weight.original0, made.parametrizations.weight.original1
            self.place(f"{name}.v", v, columns, as_columns)
            self.place(f"{name}.length", length, lambda tensor: tensor.reshape(length.shape), torch.flatten)
        elif layer["parameterization"] == "SP":
            self.place(f"{name}.weights", made.weight, columns, as_columns)
        else:
            sys.exit(f"{name}: no module for the parameterization {layer['parameterization']}")
        self.place(f"{name}.bias", made.bias)
        return [*before, made, *([self.normalization(name, normalization)] if is_normalized else []), act]

    def normalization(self, name, kind):
        ((kind, options),) = kind.items() if isinstance(kind, dict) else sys.exit(f"{name}: no module for {kind}")
        features = self.sizes[0]
        rows = {"gain": "weight", "shift": "bias", "running_mean": "running_mean", "running_variance": "running_var"}
        if kind in ("batch_mean", "input_mean"):
            made = owner = MeanNorm(features, options["momentum"])
        elif kind == "batch":
            of_size = nn.BatchNorm1d if len(self.sizes) == 1 else nn.BatchNorm2d
            # PyTorch's momentum is the weight of the new value. Its running variance is that of the population, not of the batch.
            made = owner = of_size(features, options["epsilon"], 1 - options["momentum"], options["affine"])
        elif kind == "layer":
            made = LayerNorm(features, options["epsilon"], options["affine"])
            owner = made.norm
        else:
            sys.exit(f"{name}: no module for the normalization {kind}")
        for own, of_pytorch in rows.items():
            if getattr(owner, of_pytorch, None) is not None:
                self.place(f"{name}.{own}", getattr(owner, of_pytorch))
        return made

    def place(self, name, tensor, forth=lambda tensor: tensor, back=lambda tensor: tensor):
        self.places[name] = tensor, forth, back

    def slide(self, window, channels):
        """Padding left, right, above and below, in the order of PyTorch's pads."""
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


def load(file):
    """The network of a file, its description, and its tensors by our names: pairs of a tensor and the function that converts
    its numbers or gradient to our matrix."""
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata() or {}
    description = metadata.get("gmp.network")
    if description is None:
        sys.exit(f"{file}: it does not say what its network is built of")
    if "gmp.modules" in metadata:
        sys.exit(f"{file}: it is a state dict, which the load_state_dict of your own module takes")
    spec, matrices = json.loads(description), load_file(file)
    before = torch.get_default_dtype()
    torch.set_default_dtype(next(iter(matrices.values())).dtype)
    try:
        builder = Builder(spec["input"])
        network = builder.network(spec["layers"])
    finally:
        torch.set_default_dtype(before)
    if unlike := matrices.keys() ^ builder.places.keys():
        sys.exit(f"{file}: tensors that are there or expected alone: {sorted(unlike)}")
    with torch.no_grad():
        for name, (tensor, forth, _) in builder.places.items():
            tensor.copy_(forth(matrices[name]).reshape(tensor.shape))
    return network, description, {name: (tensor, back) for name, (tensor, _, back) in builder.places.items()}


def save(description, places, file):
    """The inverse of `load`."""
    matrices = {name: back(tensor.detach()).contiguous() for name, (tensor, back) in places.items()}
    save_file(matrices, file, metadata={"format": "pt", "gmp.network": description})


def to_nchw(x):
    """Converts (n, height, width, channels) to PyTorch's order; vectors are unchanged."""
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x


def main(file, check=None, saved=None):
    network, description, places = load(file)
    print(network)
    if check:
        numbers = load_file(check)
        with torch.no_grad():
            outputs = network.eval()(to_nchw(numbers["inputs"]))
        difference = ((outputs - numbers["outputs"]).abs().max() / numbers["outputs"].abs().max()).item()
        print(f"largest relative difference: {difference:.2e}")
        if not difference <= 1e-5:
            sys.exit("the outputs are not those of the file")
    if saved:
        last = list(places)[-1].rpartition(".")[0]
        with torch.no_grad():
            for name, (tensor, _) in places.items():
                if name.rpartition(".")[0] == last:
                    tensor.mul_(2)
        save(description, places, saved)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
