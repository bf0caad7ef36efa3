"""Random nets whose diffs are compared with finite differences in double precision.

    python -m tools.attack.gradients [--nets 200] [--seed 0]

Each net is a chain of random layers with branches and in-place work; exit status 1 if a diff is
wrong or anything but a CaffeError is raised.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net

__all__ = ["main", "random_net"]

# Smooth ones, and those whose corners a random value does not meet.
_POINTWISE = (
    'type: "ReLU"',
    'type: "ReLU" relu_param { negative_slope: 0.2 }',
    'type: "PReLU"',
    'type: "ELU"',
    'type: "Sigmoid"',
    'type: "TanH"',
    'type: "BNLL"',
    'type: "Swish"',
    'type: "Power" power_param { power: 2 scale: 0.5 shift: 0.3 }',
    'type: "Scale" scale_param { bias_term: true }',
    'type: "Bias"',
    'type: "Dropout"',
    'type: "BatchNorm" batch_norm_param { use_global_stats: false eps: 0.01 }',
    'type: "Softmax"',
)
_NEW = (
    'type: "LRN" lrn_param { local_size: 3 alpha: 0.5 }',
    'type: "LRN" lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }',
    'type: "MVN" mvn_param { normalize_variance: false }',
    'type: "Tile" tile_param { tiles: 2 }',
)


def _chain(rng: np.random.Generator) -> str:
    """Layers in prototxt, from the blob x on."""
    text, blobs, channels = "", ["x"], 4
    for index in range(int(rng.integers(3, 8))):
        bottom, name = blobs[-1], f"l{index}"
        kind = rng.integers(0, 7)
        top = name
        if kind <= 2:
            what = str(rng.choice(_POINTWISE))
            if bottom != "x" and rng.random() < 0.6:
                top = bottom
        elif kind == 3:
            word = str(rng.choice(["Convolution", "Deconvolution"]))
            # ONNX's own evaluator does not know groups of a transposed convolution.
            group = int(rng.choice([1, 2])) if word == "Convolution" else 1
            channels = int(rng.choice([2, 4, 6]))
            what = (
                f'type: "{word}" convolution_param {{ num_output: {channels} group: {group} '
                f"kernel_size: {rng.integers(1, 4)} pad: 1 stride: {rng.integers(1, 3)} }}"
            )
        elif kind == 4:
            kernel = int(rng.integers(2, 4))
            # With a longer stride a window may lie outside, where a maximum is -3e38.
            what = (
                f'type: "Pooling" pooling_param {{ pool: {rng.choice(["MAX", "AVE"])} '
                f"kernel_size: {kernel} stride: {rng.integers(1, kernel + 1)} "
                f"pad: {rng.integers(0, 2)} }}"
            )
        elif kind == 5:
            what = str(rng.choice(_NEW))
            channels *= 2 if "Tile" in what else 1
        else:
            side = f"{name}s"
            text += f'layer {{ name: "{side}" type: "TanH" bottom: "{bottom}" top: "{side}" }}\n'
            word = str(rng.choice(["SUM", "PROD", "MAX"]))
            what = f'type: "Eltwise" bottom: "{side}" eltwise_param {{ operation: {word} }}'
        text += f'layer {{ name: "{name}" {what} bottom: "{bottom}" top: "{top}" }}\n'
        blobs.append(top)
    return text


def random_net(rng: np.random.Generator) -> caffe.Net:
    """A net of random layers with random inputs and weights, forced to go back."""
    while True:
        size = rng.integers(5, 9, 2)
        text = (
            "force_backward: true\n"
            'layer { name: "x" type: "Input" top: "x" '
            f"input_param {{ shape {{ dim: 2 dim: 4 dim: {size[0]} dim: {size[1]} }} }} }}\n"
        ) + _chain(rng)
        phase = int(rng.integers(0, 2))
        try:
            net = caffe.Net(parse_net(text), phase)
        except caffe.CaffeError:
            continue  # a window that does not fit, or groups that do not divide
        break
    net.blobs["x"].data[...] = rng.standard_normal(net.blobs["x"].shape)
    for row in net.params.values():
        for blob in row:
            blob.data[...] = rng.standard_normal(blob.shape) * 0.5
    return net


def main() -> int:
    from tests.caffe.numeric import check

    parser = argparse.ArgumentParser(description="Compares diffs with finite differences.")
    parser.add_argument("--nets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    began = time.perf_counter()
    wrong = compared = 0
    for index in range(args.nets):
        rng = np.random.default_rng((args.seed, index))
        net = random_net(rng)
        try:
            compared += check(net, rng, places=4)
        except Exception as error:
            wrong += 1
            kinds = " ".join(layer.type for layer in net.layers)
            print(f"net {index} ({kinds}): {error}", file=sys.stderr)
    print(
        f"{args.nets} nets, seed {args.seed}: {compared} derivatives compared, {wrong} nets wrong, "
        f"{time.perf_counter() - began:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
