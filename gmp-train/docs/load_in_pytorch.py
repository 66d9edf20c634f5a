#!/usr/bin/env python3
"""A network of plain weights and biases from a safetensors file, in PyTorch, and back.

    load_in_pytorch.py network.safetensors              prints the network
    load_in_pytorch.py network.safetensors check.safetensors [saved.safetensors]

`check.safetensors` holds "inputs" and the "outputs" that are expected of them: the script fails where PyTorch's
differ by more than 1e-5 of the largest. With a third file the network is scaled by 2 at its output layer and
saved there, so that the way back can be checked too.

Needs torch and safetensors (pip install torch safetensors).
"""

import sys

import torch
from safetensors.torch import load_file, save_file


def build(matrices):
    """Linear layers with rectifiers between them. The file has inputs × units, `Linear` the transpose."""
    names = sorted(name[: -len(".weights")] for name in matrices if name.endswith(".weights"))
    # "hidden1", "hidden2", …, "output": by number, the output last.
    names.sort(key=lambda name: (name == "output", int("".join(filter(str.isdigit, name)) or 0)))
    layers = []
    for name in names:
        weights, bias = matrices[f"{name}.weights"], matrices[f"{name}.bias"]
        linear = torch.nn.Linear(*weights.shape, dtype=weights.dtype)
        with torch.no_grad():
            linear.weight.copy_(weights.T)
            linear.bias.copy_(bias)
        layers += [linear, torch.nn.ReLU()]
    return names, torch.nn.Sequential(*layers[:-1])


def matrices_of(names, network):
    """The inverse of `build`."""
    matrices = {}
    for name, linear in zip(names, network[::2]):
        matrices[f"{name}.weights"] = linear.weight.detach().T.contiguous()
        matrices[f"{name}.bias"] = linear.bias.detach()
    return matrices


def main(file, check=None, saved=None):
    names, network = build(load_file(file))
    print(network)
    if check:
        numbers = load_file(check)
        with torch.no_grad():
            outputs = network(numbers["inputs"])
        difference = ((outputs - numbers["outputs"]).abs().max() / numbers["outputs"].abs().max()).item()
        print(f"largest relative difference: {difference:.2e}")
        if not difference <= 1e-5:
            sys.exit("the outputs are not those of the file")
    if saved:
        with torch.no_grad():
            network[-1].weight.mul_(2)
            network[-1].bias.mul_(2)
        save_file(matrices_of(names, network), saved, metadata={"format": "pt"})


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
