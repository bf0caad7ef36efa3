"""Feeds damaged files to both readers; anything but a result or a CaffeError is a bug.

    python benchmarks/fuzz_readers.py [--inputs 100000] [--seed 0] [--folder DIR]

Starts from nets and weights made here, and from those in DIR (the reference data), and damages
them: bits, bytes, numbers, cuts, repeats, splices. Prints figures; exit status 1 if a bug was
found. On POSIX the memory is limited, so that a large allocation shows.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from filterlab.caffe.caffemodel import parse_weights
from filterlab.caffe.errors import CaffeError, CaffeWarning
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.prototxt import format_net, parse_net

__all__ = ["damage_bytes", "damage_text", "main", "run"]

_NUMBERS = [0, 1, 2, 7, 127, 128, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**64 - 1]
_WORDS = (
    "layer layers input input_dim input_shape { } < > [ ] : ; , # \" ' - -1 0 1e39 nan inf 0x 0x1f "
    "1.5f 99999999999999999999 true MAX type: name: bottom: top: convolution_param pool "
    "CONVOLUTION \\ \n \t 1_000 08 .. 1e e5 - - \u4e2d\u6587 \x00 \ufeff"
).split(" ")
_TOKENS = re.compile(r'"[^"\n]*"|\w+|\s+|.', re.S)
SLOW = 1.0  # seconds


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def damage_bytes(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """One to four damages to a file of bytes."""
    work = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        size = len(work)
        # Headers lie together at layers' starts: half of all damages go to the first bytes.
        at = rng.randrange(min(size, 64) if rng.random() < 0.5 else size) if size else 0
        kind = rng.randrange(8)
        if kind == 0 and size:
            work[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and size:
            work[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif kind == 2:
            del work[at:]
        elif kind == 3:
            del work[at : at + rng.randint(1, 64)]
        elif kind == 4:
            work[at:at] = work[at : at + rng.randint(1, 256)] * rng.randint(1, 4)
        elif kind == 5:
            value = _varint(rng.choice(_NUMBERS))
            work[at : at + rng.randint(0, len(value))] = value
        elif kind == 6:
            other = rng.choice(others)
            start = rng.randrange(len(other)) if other else 0
            work[at : at + rng.randint(0, 64)] = other[start : start + rng.randint(1, 256)]
        else:
            work[at:at] = rng.randbytes(rng.randint(1, 32))
    return bytes(work)


def damage_text(text: str, rng: random.Random, others: list[str]) -> bytes:
    """One to four damages to a text, by tokens and sometimes by bytes."""
    tokens = _TOKENS.findall(text)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(tokens)) if tokens else 0
        kind = rng.randrange(6)
        if kind == 0 and tokens:
            tokens[at] = rng.choice(_WORDS)
        elif kind == 1:
            tokens.insert(at, rng.choice(_WORDS))
        elif kind == 2:
            del tokens[at : at + rng.randint(1, 8)]
        elif kind == 3:
            tokens[at:at] = tokens[at : at + rng.randint(1, 30)] * rng.randint(1, 3)
        elif kind == 4:
            other = _TOKENS.findall(rng.choice(others)[:4000])
            start = rng.randrange(len(other)) if other else 0
            tokens[at:at] = other[start : start + rng.randint(1, 30)]
        elif tokens:
            tokens[at] = str(rng.choice(_NUMBERS))
    data = "".join(tokens).encode("utf-8", "surrogatepass")
    return damage_bytes(data, rng, [data]) if rng.random() < 0.2 else data


def _made_weights() -> list[bytes]:
    net = caffe_pb2.NetParameter(name="made")
    for index, shape in enumerate(((2, 3, 3, 3), (4, 18), (5,), ())):
        layer = net.layer.add(name=f"layer{index}", type="Convolution", bottom=["a"], top=["b"])
        blob = layer.blobs.add()
        blob.shape.dim.extend(shape)
        values = np.arange(int(np.prod(shape)), dtype=np.float32).tolist()
        (blob.double_data if index == 1 else blob.data).extend(values)
    old = caffe_pb2.NetParameter(name="old")
    v1 = old.layers.add(name="fc", type=caffe_pb2.V1LayerParameter.INNER_PRODUCT)
    v1.blobs.add(num=1, channels=1, height=2, width=3, data=[1, 2, 3, 4, 5, 6])
    v0 = old.layers.add()
    v0.layer.name = "conv"
    v0.layer.blobs.add(num=1, channels=1, height=1, width=2, data=[1, 2])
    return [net.SerializeToString(), old.SerializeToString()]


def _made_text() -> list[str]:
    net = caffe_pb2.NetParameter(name="made")
    layer = net.layer.add(name="data", type="Input", top=["data"])
    layer.input_param.shape.add(dim=[1, 3, 9, 9])
    layer = net.layer.add(name="conv", type="Convolution", bottom=["data"], top=["out"])
    layer.convolution_param.num_output = 2
    layer.convolution_param.kernel_size.append(3)
    layer.convolution_param.weight_filler.type = "gaussian"
    old = (
        'name: "old" input: "data" input_dim: 1 input_dim: 1 input_dim: 9 input_dim: 9\n'
        'layers { layer { name: "p" type: "padding" pad: 1 } bottom: "data" top: "p" }\n'
        'layers { layer { name: "c" type: "conv" num_output: 2 kernelsize: 3 weight_filler '
        '{ type: "gaussian" std: 0.01 } blobs_lr: 1. } bottom: "p" top: "c" }\n'
        "layers { name: 'r' type: RELU bottom: 'c' top: 'c' relu_param < negative_slope: 1e-1 > }"
    )
    return [format_net(net), old]


def run(inputs: int, seed: int, folder: Path | None) -> tuple[Counter[str], list[str], float]:
    """Feed ``inputs`` files, half to each reader; outcomes, bugs, and the slowest in seconds."""
    rng = random.Random(seed)
    texts, binaries = _made_text(), _made_weights()
    if folder is not None:
        for path in sorted(folder.rglob("*.prototxt")):
            texts.append(path.read_bytes().decode("utf-8", "replace"))
        for path in sorted(folder.rglob("*.caffemodel")):
            # Large files only repeat what the small ones hold.
            binaries.append(path.read_bytes()[:40_000])
    outcomes: Counter[str] = Counter()
    bugs: list[str] = []
    slowest = 0.0
    for index in range(inputs):
        read: Callable[[bytes], Any]
        if index % 2:
            read, data = parse_weights, damage_bytes(rng.choice(binaries), rng, binaries)
        else:
            read, data = parse_net, damage_text(rng.choice(texts), rng, texts)
        began = time.perf_counter()
        try:
            read(data)
            outcome = "read"
        except CaffeError as error:
            outcome = "CaffeError"
            if not str(error) or "\n" in str(error) or len(str(error)) > 2000:
                outcome = "bad message"
        except BaseException as error:
            outcome = type(error).__name__
            if isinstance(error, KeyboardInterrupt):
                raise
        took = time.perf_counter() - began
        slowest = max(slowest, took)
        if took > SLOW:
            outcome = "slow"
        outcomes[f"{read.__name__}: {outcome}"] += 1
        if outcome not in ("read", "CaffeError"):
            bugs.append(f"{read.__name__}: {outcome}: input {index}: {data[:200]!r}")
    return outcomes, bugs, slowest


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc").is_dir() else 0
    if pages:
        limit = pages * resource.getpagesize() + (256 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> int:
    parser = argparse.ArgumentParser(description="Feeds damaged files to both readers.")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="more nets and weights to start from")
    args = parser.parse_args()
    warnings.simplefilter("ignore", CaffeWarning)
    _limit_memory()
    began = time.perf_counter()
    outcomes, bugs, slowest = run(args.inputs, args.seed, args.folder)
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:8}  {outcome}")
    print(
        f"{args.inputs} inputs, seed {args.seed}: {len(bugs)} bugs, "
        f"slowest {slowest * 1e3:.0f} ms, {time.perf_counter() - began:.0f} s in all"
    )
    for bug in bugs[:20]:
        print(bug, file=sys.stderr)
    return 1 if bugs else 0


if __name__ == "__main__":
    raise SystemExit(main())
