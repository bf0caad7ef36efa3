"""Kernels as text and files: every common form, and one sentence for every bad one."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels.text import (
    FORMATS,
    format_kernel,
    format_number,
    parse_block,
    parse_kernel,
    parse_number,
    read_kernel,
    write_kernel,
)

LAPLACIAN = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]

kernels = hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5).flatmap(
    lambda half: hnp.arrays(
        np.float32,
        (2 * half[0] + 1, 2 * half[1] + 1),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)


@settings(max_examples=60, deadline=None)
@given(kernel=kernels, style=st.sampled_from(sorted(FORMATS)))
def test_written_text_reads_back_exactly(kernel: np.ndarray, style: str) -> None:
    again = parse_kernel(format_kernel(kernel, style))
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, kernel)


@pytest.mark.parametrize(
    "text",
    [
        "0\t1\t0\r\n1\t-4\t1\r\n0\t1\t0\r\n",
        "0,1,0\n1,-4,1\n0,1,0",
        "# a comment\n 0 1 0\n 1 -4 1 # the middle\n 0 1 0\n",
        "0,1,0;1,-4,1;0,1,0",
        "[0 1 0; 1 -4 1; 0 1 0]",
        "0 1 0;\n1 -4 1;\n0 1 0;",
        "[[0, 1, 0], [1, -4, 1], [0, 1, 0]]",
        "((0, 1, 0),\n (1, -4, 1),\n (0, 1, 0))",
        "np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=np.float32)",
        "kernel = numpy.array([[0., 1., 0.], [1., -4., 1.], [0., 1., 0.]])",
        "[[ 0.  1.  0.]\n [ 1. -4.  1.]\n [ 0.  1.  0.]]",
        "{{0, 1, 0}, {1, -4.f, 1}, {0, 1, 0}};",
        '{"name": "x", "kernel": [[0, 1, 0], [1, -4, 1], [0, 1, 0]]}',
        '"0","1","0"\n"1","-4","1"\n"0","1","0"',
        "0;1,0;0\n1;-4,0;1\n0;1,0;0",
        "0,0 1,0 0,0\n1,0 -4,0 1,0\n0,0 1,0 0,0",
        "0,0\t1,0\t0,0\n1,0\t-4,0\t1,0\n0,0\t1,0\t0,0",
        "0, 1, 0\n1, −4, 1\n0, 1, 0",
        "\ufeff  0 2/2 0\n  1 -8 / 2 1\n  0 1 0",
        "2/2 * [[0, 1, 0], [1, -4, 1], [0, 1, 0]]",
        "[[[0, 1, 0], [1, -4, 1], [0, 1, 0]]]",
    ],
)
def test_forms_of_other_programs(text: str) -> None:
    np.testing.assert_array_equal(parse_kernel(text), np.array(LAPLACIAN, np.float32))


def test_fractions_and_single_rows() -> None:
    np.testing.assert_allclose(parse_kernel("1/9 1/9 1/9"), np.full((1, 3), 1 / 9), rtol=1e-7)
    np.testing.assert_array_equal(parse_kernel("1;2;3"), np.array([[1], [2], [3]], np.float32))
    np.testing.assert_allclose(parse_kernel("[[1, 1, 1]] / 3"), np.full((1, 3), 1 / 3), rtol=1e-7)


@pytest.mark.parametrize(
    "text",
    [
        "[0 1 0; 1 -4 1; 0 1 0]/4",
        "k = [0 1 0; 1 -4 1; 0 1 0] ./ 4;",
        "[[0 1 0]\n [1 -4 1]\n [0 1 0]]/4",
        "[0 1 0\n 1 -4 1\n 0 1 0] .* 0.25",
        "[0 1 0; 1 -4 1; 0 1 0] * (1/4)",
        "-(-1/4) * [0 1 0; 1 -4 1; 0 1 0]",
        "1/4*[0 1 0; 1 -4 1; 0 1 0];",
        "k = 2 .* ([0 1 0; 1 -4 1; 0 1 0] / 4) / 2",
        "[[0, 1, 0], [1, -4, 1], [0, 1, 0]]./4",
        "{{0, 1, 0}, {1, -4, 1}, {0, 1, 0}} / 4",
        "[(0) (1/4) 0; 1/4 -1 (1/4); 0 (1/4) 0]",
    ],
)
def test_a_factor_beside_the_brackets_counts_for_every_cell(text: str) -> None:
    np.testing.assert_array_equal(parse_kernel(text), np.array(LAPLACIAN, np.float32) / 4)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("2 * [[1, 2], [3, 4]]", [[2, 4], [6, 8]]),
        ("[[1, 2], [3, 4]] * 2", [[2, 4], [6, 8]]),
        ("[[1, 2], [3, 4]] * 2 / 4", [[0.5, 1], [1.5, 2]]),
        ("[[1, 2], [3, 4]] / 4 * 2", [[0.5, 1], [1.5, 2]]),
        ("1/4 * [[1, 2], [3, 4]]", [[0.25, 0.5], [0.75, 1]]),
        ("[[1, 2], [3, 4]] * (1/4)", [[0.25, 0.5], [0.75, 1]]),
        ("[1, 2, 4] / 4", [[0.25, 0.5, 1]]),
        ("[1, 2, 4] * 0.5", [[0.5, 1, 2]]),
        ("[[1, 2, 4]] * 0.5", [[0.5, 1, 2]]),
        ("[[1/2, 3*4], [-6/4, 2*-0.5]]", [[0.5, 12], [-1.5, -1]]),
        ("[[1, 2], [3, 4]] * 0.0", [[0, 0], [0, 0]]),
        ("-2.0 * [3, 5]", [[-6, -10]]),
    ],
)
def test_literals_are_computed_with(text: str, rows: list[list[float]]) -> None:
    np.testing.assert_array_equal(parse_block(text), np.array(rows, np.float32))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2] * 2", "may mean it repeated"),
        ("[[1, 2]] * 2", "may mean it repeated"),
        ("2 * [1, 2]", "may mean it repeated"),
        ("2 * [[1, 2]]", "may mean it repeated"),
        ("[[1, 2], [3, 4]] / 0", "divides by zero"),
        ("[[1, 2], [3/0, 4]]", "divides by zero"),
        ("2 / [[1, 2], [3, 4]]", "more than numbers and brackets"),
        ("[[1, 2], [3, 4]] / [1, 2]", "more than numbers and brackets"),
        ("[[1, 2], [3, 4]] * [1.5, 2]", "more than numbers and brackets"),
        ("[[1, '2' * 3]]", "more than numbers and brackets"),
        ("[[1, 3.0 * '2']]", "more than numbers and brackets"),
    ],
)
def test_literals_that_may_mean_something_else_are_refused(text: str, said: str) -> None:
    with pytest.raises(FilterLabError, match=said):
        parse_block(text)


def test_rows_of_negative_numbers_are_no_sums() -> None:
    np.testing.assert_array_equal(parse_block("[1 -2 -1]"), [[1, -2, -1]])
    np.testing.assert_array_equal(parse_block("[[-1 -1]\n [-1 -1]] / 2"), np.full((2, 2), -0.5))
    np.testing.assert_array_equal(parse_block("[1 2\n 3]"), [[1, 2, 3]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1 2 1]'*[1 2 1]", ["beside the brackets"]),
        ("[1 2 1]/4 + 1", ["'/4 + 1' beside the brackets"]),
        ("conv([1 2 1])", ["'conv(' beside the brackets"]),
        ("[1 2 1]/x", ["beside the brackets"]),
        ("[[1 2 1]/2\n [1 2 1]]", ["between the brackets"]),
        ("[1 2 1]/0", ["divides by zero"]),
        ("(1/0)*[1 2 1]", ["divides by zero"]),
        ("[1 2 1]*1e99", ["row 1, column 1", "too large"]),
        ("[1, 2, 1] * 3", ["repeated", "numbers"]),
        ("1,2,3\n4,5\n7,8,9", ["row 2", "2 values", "3"]),
        ("1,2,3\n4,cat,6\n7,8,9", ["row 2, column 2", "'cat'"]),
        ("1,2,3\n4,nan,6\n7,8,inf", ["row 2, column 2", "nan", "finite"]),
        ("1,2\n3,4", ["2 x 2", "odd"]),
        ("1 2 3\n4 1e99 6\n7 8 9", ["row 2, column 2", "too large"]),
        ("1 2 3\n4 1/0 6\n7 8 9", ["row 2, column 2", "division by zero"]),
        ("1\t\t3", ["row 1, column 2", "empty"]),
        (" ".join("1" * 13), ["1 x 13", "11"]),
        ("", ["no numbers"]),
        ("# nothing", ["no numbers"]),
        ("[[1, 2], [3]]", ["row 2"]),
        ("[[nan, 1, 2]]", ["row 1, column 1", "finite"]),
        ("{}", ["kernel"]),
        ('{"kernel": [[1, 2, 3]', ["broken JSON at line 1"]),
        ('{"a":' * 5000, ["nested too deeply"]),
        ("[[1, 2, 'x']]", ["row 1, column 3", "'x'"]),
        ("__import__('os').getcwd()", ["numbers"]),
        ("np.ones((3, 3))", ["numbers"]),
        ("[[1] * 10 ** 9]", ["numbers"]),
        ("[1/9] * 3", ["numbers"]),
        ("[" * 5000, ["no numbers"]),
        ("1" * 300_000, ["too long"]),
    ],
)
def test_bad_text_is_told_where(text: str, words: list[str]) -> None:
    with pytest.raises(FilterLabError) as caught:
        parse_kernel(text, "x.csv")
    message = str(caught.value)
    assert message.startswith("x.csv: ")
    assert "\n" not in message
    for word in words:
        assert word in message


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet="0123456789.,;/-+eE \t\n[](){}#\"'naif*=x", max_size=40))
def test_any_text_is_a_block_or_one_sentence(text: str) -> None:
    block, message = None, ""
    try:
        block = parse_block(text)
    except FilterLabError as error:
        message = str(error)
    if block is None:
        assert message
        assert "\n" not in message
    else:
        assert block.ndim == 2
        assert block.dtype == np.float32
        assert np.isfinite(block).all()


def test_numbers_as_typed() -> None:
    assert parse_number(" 1/9 ") == 1 / 9
    assert parse_number("0,5") == 0.5
    assert parse_number("-1e-3") == -0.001
    assert parse_number("−2") == -2
    for text in ("", "abc", "nan", "1/0", "1,2,3", "1e400", "--1"):
        with pytest.raises(FilterLabError, match="cell"):
            parse_number(text)
    assert [format_number(v) for v in (0.1, -4.0, -0.0, 1e-5)] == ["0.1", "-4", "0", "1e-05"]


def test_bad_inputs_corpus(shared: Path) -> None:
    """Each kernel of the corpus does what its manifest says, by name and number."""
    folder = shared / "bad_inputs"
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["kind"] == "kernel"]
    assert len(rows) >= 7
    expected = {
        "ragged.csv": "row 2 has 2 values",
        "words.csv": "row 2, column 2",
        "nan.csv": "finite",
        "even.csv": "odd",
    }
    for row in rows:
        path = folder / row["file"]
        if row["expect"] == "ok":
            np.testing.assert_array_equal(read_kernel(path), np.array(LAPLACIAN, np.float32))
        else:
            with pytest.raises(FilterLabError) as caught:
                read_kernel(path)
            assert str(caught.value).startswith(row["file"])
            assert expected[row["file"]] in str(caught.value)


@pytest.mark.parametrize("name", ["k.npy", "k.json", "k.csv", "k.tsv", "k.txt", "k.gmic", "k.py"])
def test_files_read_back(tmp_path: Path, name: str) -> None:
    kernel = np.random.default_rng(3).normal(size=(3, 7)).astype(np.float32)
    path = tmp_path / "卷积核" / name
    path.parent.mkdir()
    write_kernel(path, kernel)
    np.testing.assert_array_equal(read_kernel(path), kernel)
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_bad_files(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, ("raise SystemExit('a pickle was run')",))

    np.save(tmp_path / "pickled.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    np.save(tmp_path / "complex.npy", np.ones((3, 3), np.complex64))
    np.save(tmp_path / "nan.npy", np.full((3, 3), np.nan))
    np.save(tmp_path / "four.npy", np.ones((2, 2, 3, 3)))
    (tmp_path / "huge.npy").write_bytes(
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000), }".ljust(
            117
        )
        + b"\n"
    )
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    (tmp_path / "folder").mkdir()
    for name in (
        "pickled.npy",
        "complex.npy",
        "nan.npy",
        "four.npy",
        "huge.npy",
        "binary.txt",
        "folder",
        "missing.csv",
    ):
        with pytest.raises(FilterLabError, match=name.replace(".", r"\.")):
            read_kernel(tmp_path / name)
    with pytest.raises(FilterLabError, match="cannot write"):
        write_kernel(tmp_path / "nowhere" / "k.txt", np.ones((3, 3), np.float32))


def test_excel_unicode_text(tmp_path: Path) -> None:
    path = tmp_path / "excel.txt"
    path.write_bytes("0,5\t1\t0,5\r\n".encode("utf-16"))
    np.testing.assert_array_equal(read_kernel(path), np.array([[0.5, 1, 0.5]], np.float32))
