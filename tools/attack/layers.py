"""Nets of one layer with random parameters and inputs go forward and back, or say CaffeError.

    python -m tools.attack.layers [--nets 5000] [--seed 0]

Every type of the registry takes part but those written in Python. Prints how many nets of each
type ran; exit status 1 if anything else than a CaffeError was raised, or one that ONNX Runtime
had to raise since the engine had not looked.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import warnings
from collections import Counter
from typing import Any

import numpy as np

import filterlab.caffe as caffe
from filterlab.caffe.layers import REGISTRY
from filterlab.caffe.layers.refused import REFUSED
from filterlab.caffe.net_spec import param_name_dict
from filterlab.caffe.proto import caffe_pb2

__all__ = ["main", "random_layer"]

# The fields of types that are not named after their message.
_HOLDERS = {
    "BN": "bn_param",
    "ConvolutionDepthwise": "convolution_param",
    "Deconvolution": "convolution_param",
    "DepthwiseConvolution": "convolution_param",
    "Im2col": "convolution_param",
    "LSTM": "recurrent_param",
    "RNN": "recurrent_param",
}
# Fields that a layer seldom works without, and fields that exclude each other.
_USUAL: dict[str, dict[str, Any]] = {
    "convolution_param": {"num_output": 4, "kernel_size": [2]},
    "pooling_param": {"kernel_size": 2},
    "inner_product_param": {"num_output": 3},
    "recurrent_param": {"num_output": 3},
    "embed_param": {"num_output": 3, "input_dim": 3},
    "roi_pooling_param": {"pooled_h": 2, "pooled_w": 2},
}


def _fill(message: Any, rng: random.Random, depth: int = 0) -> None:
    """Set some of a message's fields to random values."""
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.5:
            continue
        held = getattr(message, field.name)
        many = hasattr(held, "extend")
        for _ in range(rng.randint(0, 4) if many else 1):
            if field.message_type is not None:
                if depth < 2:
                    _fill(held.add() if many else held, rng, depth + 1)
                continue
            value: Any = rng.choice([0, 1, 1, 2, 2, 3, 4, 7])
            if field.enum_type is not None:
                value = rng.choice(list(field.enum_type.values)).number
            elif isinstance(field.default_value, bool):
                value = rng.random() < 0.5
            elif isinstance(field.default_value, str):
                value = rng.choice(["constant", "xavier", "gaussian", "bilinear", ""])
            elif isinstance(field.default_value, float):
                value = rng.choice([0, 1, -1, 0.5, 2, 1e-3, -2.5])
            elif rng.random() < 0.1:
                value = -value
            try:
                if many:
                    held.append(value)
                else:
                    setattr(message, field.name, value)
            except ValueError:
                continue  # a negative number where none can be


def random_layer(rng: random.Random, kind: str) -> Any:
    """A net of Input layers and one layer of a type."""
    net = caffe_pb2.NetParameter(force_backward=True)
    cls = REGISTRY[kind]

    def count(allowed: tuple[int, int | None]) -> int:
        least, most = allowed
        if rng.random() < 0.7:
            return least
        return rng.randint(least, least + 2 if most is None else most)

    shape = [rng.randint(1, 6) for _ in range(rng.choice([4, 4, 4, 2, 3, 1, 5, 0]))]
    bottoms = [f"in{i}" for i in range(count(cls.bottoms_allowed))]
    for name in bottoms:
        own = [rng.randint(1, 6) for _ in range(rng.choice([4, 2, 1, 3, 0]))]
        source = net.layer.add(name=name, type="Input", top=[name])
        source.input_param.shape.add(dim=own if rng.random() < 0.4 else shape)
    tops = [f"out{i}" for i in range(count(cls.tops_allowed))]
    if bottoms and tops and rng.random() < 0.15:
        tops[0] = bottoms[0]
    layer = net.layer.add(name="op", type=kind, bottom=bottoms, top=tops)
    holder = _HOLDERS.get(kind) or f"{param_name_dict().get(kind, '')}_param"
    if hasattr(layer, holder):
        message = getattr(layer, holder)
        usual = rng.random() < 0.6 and _USUAL.get(holder)
        if not usual or rng.random() < 0.3:
            _fill(message, rng)
        for field, value in (usual or {}).items():
            if isinstance(value, list):
                getattr(message, field)[:] = value
            else:
                setattr(message, field, value)
    return net


def _try(net: Any, rng: random.Random) -> None:
    made = caffe.Net(net, rng.choice([caffe.TEST, caffe.TRAIN]))
    values = np.random.default_rng(rng.randrange(2**32))
    for name in made.inputs:
        blob = made.blobs[name]
        whole = rng.random() < 0.4
        blob.data[...] = (
            values.integers(0, 3, blob.shape) if whole else values.standard_normal(blob.shape)
        )
    made.forward()
    for name in made.outputs:
        made.blobs[name].diff[...] = 1
    made.backward()
    for row in made.params.values():
        for blob in row:
            _ = blob.diff


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs layers with random parameters.")
    parser.add_argument("--nets", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("FILTERLAB_MEMORY", "64")
    warnings.simplefilter("ignore", caffe.CaffeWarning)
    rng = random.Random(args.seed)
    kinds = sorted(set(REGISTRY) - set(REFUSED) - {"Python"})
    ran: Counter[str] = Counter()
    bugs: list[str] = []
    began = time.perf_counter()
    for index in range(args.nets):
        kind = rng.choice(kinds)
        net = random_layer(rng, kind)
        try:
            _try(net, rng)
            ran[kind] += 1
        except caffe.CaffeError as error:
            if "could not be computed" in str(error) or "ONNX Runtime" in str(error):
                bugs.append(f"net {index}: {error}")
            elif "has no gradient" in str(error):
                ran[kind] += 1
        except Exception as error:
            bugs.append(f"net {index} ({kind}): {type(error).__name__}: {error}")
    print(", ".join(f"{kind} {ran[kind]}" for kind in kinds))
    print(
        f"{args.nets} nets, seed {args.seed}: {ran.total()} ran, {len(bugs)} bugs, "
        f"{time.perf_counter() - began:.0f} s"
    )
    for bug in bugs[:20]:
        print(bug, file=sys.stderr)
    return 1 if bugs else 0


if __name__ == "__main__":
    raise SystemExit(main())
