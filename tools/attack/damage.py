"""Seeded damage to files: bits, bytes, numbers, cuts, repeats, splices, odd values."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import zipfile
from typing import Any

__all__ = ["damage_bytes", "damage_json", "damage_text", "damage_zip"]

_NUMBERS = [0, 1, 2, 7, 127, 128, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**64 - 1]
_WORDS = (
    "layer layers input input_dim input_shape { } < > [ ] ( ) : ; , # \" ' - -1 0 1e39 nan inf 0x "
    "0x1f 1.5f 99999999999999999999 true null MAX type: name: bottom: top: convolution_param pool "
    "CONVOLUTION \\ \n \t 1_000 08 .. ../../x 1e e5 1/0 = - - \u4e2d\u6587 \x00 \ufeff \ud800"
).split(" ")
_TOKENS = re.compile(r'"[^"\n]*"|\w+|\s+|.', re.S)
_ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 2**31, 10**400, 1e300, -1e-300, float("nan"), float("inf"), "",
    "x", "../../x", "/dev/zero", "x" * 5000, "a\0b", "\ud800", "<img src=x>", "1/0", [], {}, [[]],
    [[1]], [True], {"a": {}}, [1] * 50,
)  # fmt: skip


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


def damage_text(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """One to four damages to a text, by tokens and sometimes by bytes."""
    tokens = _TOKENS.findall(data.decode("utf-8", "replace"))
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
            other = _TOKENS.findall(rng.choice(others)[:4000].decode("utf-8", "replace"))
            start = rng.randrange(len(other)) if other else 0
            tokens[at:at] = other[start : start + rng.randint(1, 30)]
        elif tokens:
            tokens[at] = str(rng.choice(_NUMBERS))
    damaged = "".join(tokens).encode("utf-8", "surrogatepass")
    return damage_bytes(damaged, rng, [damaged]) if rng.random() < 0.2 else damaged


def damage_json(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Odd values in the places of good ones; one in four as a text or as bytes."""
    kind = rng.randrange(8)
    if kind == 0:
        return damage_bytes(data, rng, others)
    if kind == 1:
        return damage_text(data, rng, others)
    tree = [json.loads(data)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        _put_odd(tree, rng)
    return json.dumps(tree[0]).encode("ascii")


def _put_odd(tree: Any, rng: random.Random) -> None:
    """Exchange, drop or double one value somewhere below."""
    places: list[tuple[Any, Any]] = []
    rest = [tree]
    while rest:
        node = rest.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        for key in keys:
            places.append((node, key))
            if isinstance(node[key], dict | list):
                rest.append(node[key])
    node, key = rng.choice(places)
    if node is tree or rng.random() < 0.7:
        node[key] = copy.deepcopy(rng.choice(_ODD_VALUES))
    elif rng.random() < 0.5:
        del node[key]
    elif isinstance(node, list):
        node.insert(key, copy.deepcopy(node[key]))
    else:
        node[str(rng.choice(_ODD_VALUES))[:20]] = copy.deepcopy(node[key])


def damage_zip(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A zip whose bytes are damaged, or, more often, a whole one of damaged or odd members."""
    if rng.random() < 0.3:
        return damage_bytes(data, rng, others)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    damaged: set[str] = set()
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice(sorted(members))
        kind = rng.randrange(8)
        if kind == 0:
            damaged.add("project.json")
            members["../" * rng.randrange(4) + rng.choice(("x", "project.json", "/x"))] = b"{}"
        elif kind == 1 and len(members) > 1:
            del members[name]
        elif kind == 2:
            damaged.add(name)
            members[name] = bytes(rng.choice((0, 1, 1 << 23)))
        elif name.endswith(".json") and kind < 7 and name not in damaged:
            damaged.add(name)
            members[name] = damage_json(members[name], rng, others)
            if rng.random() < 0.1:
                members[name] = members[name].replace(b"{", b"{" * 5000, 1)
        else:
            damaged.add(name)
            members[name] = damage_bytes(members[name], rng, others)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice((0, 8))) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return stream.getvalue()
