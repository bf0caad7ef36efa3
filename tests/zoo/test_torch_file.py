"""Reading torch's old file form: what it holds, and that hostile files get nowhere."""

from __future__ import annotations

import collections
import contextlib
import pickle
import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_maker import MACHINE, MAGIC, Call, Named, dumped, file_of, tensor

from filterlab.errors import FilterLabError
from filterlab.zoo.torch_file import parse_tensors, read_tensors

A = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
B = np.array(7, np.int64)
C = np.linspace(0, 1, 5)


def good() -> bytes:
    state = collections.OrderedDict(a=tensor(A, "1"), b=tensor(B, "2"), c=tensor(C, "3"))
    return file_of(state, {"1": A, "2": B, "3": C})


def test_tensors_come_as_they_were_written() -> None:
    found = parse_tensors(good())
    assert list(found) == ["a", "b", "c"]
    for name, array in {"a": A, "b": B, "c": C}.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert not found[name].flags.writeable


def test_parts_and_turned_tensors_share_their_storage() -> None:
    state = {
        "turned": tensor(A, "1", shape=(4, 6), strides=(1, 4)),
        "part": tensor(A, "1", shape=(3,), strides=(5,), offset=2),
        "none": tensor(A, "1", shape=(0, 5), strides=(5, 1), offset=24),
    }
    found = parse_tensors(file_of(state, {"1": A}))
    np.testing.assert_array_equal(found["turned"], A.reshape(6, 4).T)
    np.testing.assert_array_equal(found["part"], [2, 7, 12])
    assert found["none"].shape == (0, 5)


def test_attributes_of_the_dictionary_are_passed_over() -> None:
    items = iter([("a", tensor(A, "1"))])
    state = Call(Named("collections", "OrderedDict"), then=({"_metadata": {}}, None, items))
    np.testing.assert_array_equal(parse_tensors(file_of(state, {"1": A}))["a"], A)


STATE = {"a": tensor(A, "1")}
ONE = {"1": A}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut short"),
        (b"PK\x03\x04" + bytes(99), "newer form"),
        (good()[:-1], "cut short"),
        (good()[:300], "cut short"),
        (file_of(STATE, ONE, magic=5), "does not begin as"),
        (file_of(STATE, ONE, version=1002), "does not begin as"),
        (file_of(STATE, ONE, machine={"little_endian": False}), "byte order"),
        (file_of([1, 2], {}), "more than tensors by name"),
        (file_of({"a": 5}, {}), "more than tensors by name"),
        (file_of({"a": {"b": tensor(A, "1")}}, ONE), "more than tensors by name"),
        (file_of({5: tensor(A, "1")}, ONE), "no text"),
        (file_of({("a",): tensor(A, "1")}, ONE), "no text"),
        (file_of(STATE, ONE, keys={"1": 1}), "how its values are ordered"),
        (file_of(STATE, ONE, keys=["1", "1"]), "not those of its tensors"),
        (file_of(STATE, ONE, keys=["2"]), "not those of its tensors"),
        (file_of(STATE, ONE, length=23), "contradict each other"),
        (file_of(STATE, ONE, length=-1), "contradict each other"),
        (file_of({"a": tensor(A, "1", shape=(2, 3, 5))}, ONE), "larger than its values"),
        (file_of({"a": tensor(A, "1", offset=1)}, ONE), "larger than its values"),
        (file_of({"a": tensor(A, "1", strides=(12, 4, 2))}, ONE), "larger than its values"),
        # A repeated value: one could be as large as one likes, at no cost to the file.
        (file_of({"a": tensor(A, "1", shape=(5, 5), strides=(0, 0))}, ONE), "larger than"),
        (file_of({"a": tensor(A, "1", shape=(2**40,), strides=(0,))}, ONE), "not described"),
        (file_of({"a": tensor(A, "1", shape=(1,) * 9, strides=(1,) * 9)}, ONE), "not described"),
        (file_of({"a": tensor(A, "1", shape=(-1,), strides=(1,))}, ONE), "not described"),
        (file_of({"a": tensor(A, "1", shape=(True,), strides=(1,))}, ONE), "not described"),
        (file_of({"a": tensor(A, "1", shape=(2,), strides=(1, 1))}, ONE), "not described"),
        (file_of({"a": tensor(A, "1", count=2**62)}, ONE), "not described"),
        (file_of({"a": tensor(A, "1", count=-1)}, ONE), "not described"),
        (file_of({"a": tensor(A, "1", part=("x", 0, 1))}, ONE), "not described"),
        (file_of({"a": tensor(A, "1"), "b": tensor(A, "1", count=23)}, ONE), "two ways"),
        (
            file_of({"a": tensor(A, "1", kind=Named("torch", "BFloat16Storage"))}, ONE),
            r"asks for 'torch\.BFloat16Storage'",
        ),
    ],
)
def test_anything_else_is_refused_in_one_sentence(data: bytes, message: str) -> None:
    with pytest.raises(FilterLabError, match=message) as caught:
        parse_tensors(data, "net.pth")
    assert str(caught.value).startswith("net.pth: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (Named("os", "system"), ("touch ran",)),
        (Named("builtins", "eval"), ("open('ran', 'w')",)),
        (Named("torch", "load"), ("x",)),
        (Named("torch._utils", "_rebuild_tensor"), (1,)),
        (Named("collections", "OrderedDict.fromkeys"), ((),)),
        (Named("collections", "OrderedDict\x00"), ()),
    ],
)
@pytest.mark.parametrize("where", ["state", "magic", "machine", "keys"])
def test_nothing_of_a_strangers_runs(
    function: Any, arguments: Any, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = Call(function, *arguments)
    data = file_of(call, ONE) if where == "state" else file_of(STATE, ONE, **{where: call})
    with pytest.raises(FilterLabError, match="asks for"):
        parse_tensors(data)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("protocol", [0, 3, 4, 5])
def test_other_pickle_protocols_are_refused(protocol: int) -> None:
    with pytest.raises(FilterLabError, match="no file of tensors"):
        parse_tensors(pickle.dumps(MAGIC, protocol) + good()[15:])


N = 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"(" * N,
        b")" + b"\x85" * N + b".",
        b"}q\x00" + b"h\x00" * N + b".",
        b"]q\x00" + b"h\x00a" * N + b".",
        b"]q\x00(" + b"h\x00" * N + b"e.",
        b"\x8a\xff" + b"\xff" * 255 + b".",
        b"X\xff\xff\xff\xff" + b"x" * 100,
        b"\x8b\xff\xff\xff\x7f" + b"x" * 100,
        b"c" + b"x" * N,
        b"I" + b"9" * N + b"\n.",
        b")" + b"\x85" * 60 * N + b".",
    ],
    ids=[
        "marks", "nested", "copies", "itself", "itself at once", "long number", "long text",
        "very long number", "long name", "number in digits", "endless",
    ],
)  # fmt: skip
def test_bombs_go_off_harmlessly(body: bytes) -> None:
    """Memory stays in proportion to the bytes that are read, which are a megabyte at most."""
    data = good()[:15] + dumped(1001) + dumped(MACHINE) + b"\x80\x02" + body
    tracemalloc.start()
    try:
        with pytest.raises(FilterLabError):
            parse_tensors(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * min(len(body), 1 << 20) + 100_000


def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    """Bytes changed, lost, added and swapped: an array of numbers or one sentence, at once."""
    draw = random.Random(20260701)
    whole = good()
    read = 0
    for _ in range(4000):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 1, 2, 5))):
            at, how = draw.randrange(len(data)), draw.randrange(4)
            if how == 0:
                data[at] = draw.randrange(256)
            elif how == 1:
                del data[at : at + draw.randrange(1, 9)]
            elif how == 2:
                data[at:at] = draw.randbytes(draw.randrange(1, 9))
            else:
                other = draw.randrange(len(data))
                data[at : at + 4], data[other : other + 4] = (
                    data[other : other + 4],
                    data[at : at + 4],
                )
        with contextlib.suppress(FilterLabError):
            for array in parse_tensors(bytes(data)).values():
                assert isinstance(array, np.ndarray)
                assert array.size <= 24
                array.sum(dtype=np.float64)
                read += 1
    assert read > 100, "changed values are read as they are"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match="cannot read it"):
        read_tensors(tmp_path / "none.pth")
    huge = tmp_path / "huge.pth"
    with open(huge, "wb") as stream:
        stream.truncate(5 << 30)
    with pytest.raises(FilterLabError, match="too large"):
        read_tensors(huge)
    (tmp_path / "a.pth").write_bytes(good())
    assert list(read_tensors(tmp_path / "a.pth")) == ["a", "b", "c"]
