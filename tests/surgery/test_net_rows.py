"""A net's body as rows: blocks, branches and lanes of nets in use, and of drawn ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.caffe.prototxt import parse_net, read_net
from filterlab.surgery.net_rows import Lanes, NetRow, lanes_of, net_rows, totals
from filterlab.surgery.net_table import Fit, NetTable, Row, net_table

DATA = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
"""  # noqa: E501


def layer(name: str, bottoms: str, top: str = "", kind: str = "Convolution", more: str = "") -> str:
    ends = "".join(f' bottom: "{b}"' for b in bottoms.split())
    if kind == "Convolution":
        more = more or "convolution_param { num_output: 4 kernel_size: 1 }"
    return f'layer {{ name: "{name}" type: "{kind}"{ends} top: "{top or name}" {more} }}\n'


def chain(*names: str) -> tuple[NetRow, ...]:
    """The rows of convolutions of these names, one behind the other."""
    before = ["data", *names]
    text = "".join(layer(name, bottom) for name, bottom in zip(names, before))
    return net_rows(net_table(parse_net(DATA + text)))


def seen(rows: Sequence[NetRow]) -> list[tuple[int, str]]:
    return [(row.depth, row.title) for row in rows]


def edges_of(rows: Sequence[NetRow], lanes: Sequence[Lanes | None]) -> set[tuple[int, int]]:
    """Who reads whom, found by following the lines down; fails on a line that gets lost."""
    active: dict[int, int] = {}
    edges: set[tuple[int, int]] = set()
    for k, at in enumerate(lanes):
        if at is None:
            continue
        assert set(active) == {*at.joins, *at.passing}
        assert len(set(at.leaves)) == len(at.leaves)
        edges |= {(active[lane], k) for lane in at.joins}
        active = {lane: active[lane] for lane in at.passing}
        assert not set(active) & set(at.leaves)
        if at.dot:
            assert at.lane not in active
            assert at.leaves[:1] in ((), (at.lane,))
        else:
            assert not at.joins
            assert not at.leaves
        active |= dict.fromkeys(at.leaves, k)
        assert at.width > max([at.lane, *at.joins, *at.passing, *at.leaves])
    assert not active
    return edges


def expected_edges(rows: Sequence[NetRow], closed: Collection[str] = ()) -> set[tuple[int, int]]:
    """The same from the rows' inputs, what is in a closed block standing for the block."""
    heads = {row.block: k for k, row in enumerate(rows) if row.kind == "block"}
    stands = {
        k: heads[row.block] if row.block in closed else k
        for k, row in enumerate(rows)
        if not (row.kind == "block" and row.block not in closed and _passed(rows, k))
    }
    made = {(stands[i], stands[k]) for k in stands for i in rows[k].inputs if i in stands}
    return {(a, b) for a, b in made if a != b}


def _passed(rows: Sequence[NetRow], head: int) -> bool:
    return not any(head in row.inputs for row in rows)


def check_lines(rows: Sequence[NetRow]) -> None:
    blocks = [row.block for row in rows if row.kind == "block"]
    assert tuple(row.lanes for row in rows) == lanes_of(rows)
    for closed in ((), blocks, blocks[::2], blocks[1::3]):
        assert edges_of(rows, lanes_of(rows, closed)) == expected_edges(rows, closed)


@pytest.fixture(scope="module")
def efficient(repo: Path) -> tuple[NetTable, tuple[NetRow, ...]]:
    table = net_table(read_net(repo / "models/efficientnet-lite0/deploy.prototxt"))
    return table, net_rows(table)


def test_efficientnet_is_a_stem_sixteen_blocks_and_a_head(efficient: Any) -> None:
    table, rows = efficient
    top = [row for row in rows if row.depth == 0]
    blocks = [f"block{k}" for k in range(16)]
    assert [row.title for row in top] == ["data", "stem", *blocks, "head", "pool", "fc", "prob"]
    assert top[0].kind == "input"
    assert [row.kind for row in top[2:18]] == ["block"] * 16
    assert top[1].layers == ("stem", "stem/relu6")
    assert top[1].geometry is not None
    assert (top[1].geometry.y.field, top[1].geometry.y.jump) == (4, 2)
    second = [row for row in rows if row.block == "block2"]
    assert seen(second) == [
        (0, "block2"), (1, "expand"), (1, "depthwise"), (1, "project"), (1, "sum"),
    ]  # fmt: skip
    assert second[-1].kind == "sum"
    assert second[1].layers == ("block2/expand", "block2/expand/relu6")
    assert [row.shape for row in second] == [
        (1, 24, 56, 56), (1, 144, 56, 56), (1, 144, 56, 56), (1, 24, 56, 56), (1, 24, 56, 56),
    ]  # fmt: skip
    assert second[0].blob == "block2/sum"
    # 24 to 144 by 1 x 1, 3 x 3 each on its own, 144 to 24.
    weights = (24 * 144 + 144) + (9 * 144 + 144) + (144 * 24 + 24)
    assert second[0].parameters == weights == sum(row.parameters for row in second[1:])
    assert second[0].macs == 56 * 56 * (24 * 144 + 9 * 144 + 144 * 24)
    assert totals(rows).parameters == table.parameters
    assert totals(rows).macs == table.macs
    assert totals(rows).seconds is None
    assert {name for row in top for name in row.layers} == {row.name for row in table.rows}


def test_a_skip_runs_beside_what_it_skips(efficient: Any) -> None:
    rows = efficient[1]
    at = next(k for k, row in enumerate(rows) if row.title == "block2")
    head, expand, depthwise, project, total = (row.lanes for row in rows[at : at + 5])
    assert (head.lane, head.joins, head.leaves) == (0, (0,), (0, 1))
    assert [(x.lane, x.joins, x.passing, x.leaves) for x in (expand, depthwise, project)] == [
        (0, (0,), (1,), (0,))
    ] * 3
    assert (total.lane, total.joins, total.passing) == (0, (0, 1), ())
    assert rows[at + 1].inputs == (at,)
    assert rows[at + 4].inputs == (at, at + 3)
    assert rows[at].inputs == (at - 1,)
    # Closed: all in one lane, and a bow at each block with a skip.
    closed = lanes_of(rows, [f"block{k}" for k in range(16)])
    left = [(row.title, x) for row, x in zip(rows, closed) if x is not None]
    assert {x.lane for _, x in left} == {0}
    assert [title for title, x in left if x.bow] == [
        f"block{k}" for k in (2, 4, 6, 7, 9, 10, 12, 13, 14)
    ]
    assert not any(row.lanes.bow for row in rows)
    check_lines(rows)


def test_each_branch_of_an_inception_has_a_lane(repo: Path) -> None:
    rows = net_rows(net_table(read_net(repo / "models/googlenet/deploy.prototxt")))
    first = [row for row in rows if row.block == "inception_3a"]
    assert seen(first) == [
        (0, "inception_3a"), (1, "1x1"), (1, "3x3_reduce"), (1, "3x3"), (1, "5x5_reduce"),
        (1, "5x5"), (1, "pool"), (1, "pool_proj"), (1, "output"),
    ]  # fmt: skip
    lanes = [row.lanes.lane for row in first]
    assert lanes[0] == lanes[1] == lanes[8] == 0
    assert lanes[2] == lanes[3]
    assert lanes[4] == lanes[5]
    assert lanes[6] == lanes[7]
    assert len({*lanes}) == 4
    assert first[8].kind == "concat"
    assert first[8].lanes.joins == (0, 1, 2, 3)
    assert max(row.lanes.width for row in rows) == 4
    assert [row.title for row in rows if row.kind == "block"][:4] == [
        "pool1", "conv2", "inception_3a", "inception_3b",
    ]  # fmt: skip
    assert "conv1/7x7_s2" in [row.title for row in rows if row.depth == 0]
    check_lines(rows)


@pytest.mark.parametrize("name", ["caffenet", "squeezenet_v1.1", "pocket", "alexnet"])
def test_nets_at_hand(repo: Path, name: str) -> None:
    table = net_table(read_net(repo / f"models/{name}/deploy.prototxt"))
    rows = net_rows(table)
    check_lines(rows)
    assert totals(rows).parameters == table.parameters
    blocks = [row.title for row in rows if row.kind == "block"]
    assert blocks == ([f"fire{k}" for k in range(2, 10)] if "squeeze" in name else [])
    if not blocks:
        assert {row.lanes for row in rows[1:-1]} == {Lanes(0, (0,), (), (0,))}
        assert rows[0].lanes.joins == ()
        assert rows[-1].lanes.leaves == ()
        drop = next(row for row in rows if row.title == "fc6")
        assert drop.layers == ("fc6", "relu6", "drop6")


SUM = "eltwise_param { operation: SUM }"


def unit(block: str, bottom: str, first: bool, norm_in_place: bool) -> str:
    """A residual unit, named as He et al. did: the projection first, sums called as the block."""
    short = block[3:]
    text, ends = "", {}
    branches = [("branch2a", bottom), ("branch2b", "branch2a"), ("branch2c", "branch2b")]
    if first:
        branches = [("branch1", bottom), *branches]
    for branch, source in branches:
        conv = f"{block}_{branch}"
        text += layer(conv, ends.get(source, source))
        norm = conv if norm_in_place else f"bn{short}_{branch}"
        text += layer(f"bn{short}_{branch}", conv, norm, "BatchNorm")
        text += layer(f"scale{short}_{branch}", norm, norm, "Scale")
        ends[branch] = norm
        if branch in ("branch2a", "branch2b"):
            text += layer(f"{block}_{branch}_relu", norm, norm, "ReLU")
    skip = ends["branch1"] if first else bottom
    text += layer(block, f"{skip} {ends['branch2c']}", block, "Eltwise", SUM)
    return text + layer(f"{block}_relu", block, block, "ReLU")


@pytest.mark.parametrize("in_place", [True, False])
def test_residual_nets(in_place: bool) -> None:
    text = DATA + layer("conv1", "data") + unit("res2a", "conv1", True, in_place)
    text += unit("res2b", "res2a", False, in_place)
    rows = net_rows(net_table(parse_net(text)))
    check_lines(rows)
    assert seen([row for row in rows if row.depth == 0]) == [
        (0, "data"), (0, "conv1"), (0, "res2a"), (0, "res2b"),
    ]  # fmt: skip
    a = [row for row in rows if row.block == "res2a"]
    b = [row for row in rows if row.block == "res2b"]
    if in_place:
        assert seen(a) == [
            (0, "res2a"), (1, "branch1"), (1, "branch2a"), (1, "branch2b"), (1, "branch2c"),
            (1, "res2a"),
        ]  # fmt: skip
        assert a[2].layers == (
            "res2a_branch2a", "bn2a_branch2a", "scale2a_branch2a", "res2a_branch2a_relu",
        )  # fmt: skip
        assert [row.lanes.lane for row in a] == [0, 0, 1, 1, 1, 0]
        assert [row.lanes.lane for row in b] == [0] * 5
        assert b[4].inputs == (rows.index(b[0]), rows.index(b[3]))
    else:
        assert seen(a)[1:4] == [(1, "branch1"), (1, "bn2a_branch1"), (1, "branch2a")]
        assert a[2].layers == ("bn2a_branch1", "scale2a_branch1")
    assert (a[-1].kind, a[-1].layers) == ("sum", ("res2a", "res2a_relu"))


def test_dense_blocks_and_normalizations_before_their_convolution() -> None:
    text = DATA + layer("conv1", "data")
    before = "conv1"
    for k in (1, 2, 3):
        text += layer(f"conv2_{k}/x1/bn", before, "", "BatchNorm")
        text += layer(f"conv2_{k}/x1/scale", f"conv2_{k}/x1/bn", f"conv2_{k}/x1/bn", "Scale")
        text += layer(f"conv2_{k}/x1", f"conv2_{k}/x1/bn")
        text += layer(f"concat_2_{k}", f"{before} conv2_{k}/x1", "", "Concat")
        before = f"concat_2_{k}"
    rows = net_rows(net_table(parse_net(text)))
    assert seen(rows)[2:6] == [(0, "conv2_1"), (1, "x1/bn"), (1, "x1"), (0, "concat_2_1")]
    assert rows[3].layers == ("conv2_1/x1/bn", "conv2_1/x1/scale")
    assert rows[5].shape == (1, 8, 32, 32)
    assert max(row.lanes.width for row in rows) == 2
    check_lines(rows)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("conv1_1 conv1_2 conv2_1 conv2_2", "conv1:conv1_1,conv1_2 conv2:conv2_1,conv2_2"),
        ("a block2_expand block2_project b", "a block2:expand,project b"),
        ("a block_2_expand block_2_project b", "a block_2:expand,project b"),
        ("layer1.0.conv1 layer1.0.conv2 layer1.1.conv1 layer1.1.conv2",
         "layer1.0:conv1,conv2 layer1.1:conv1,conv2"),
        ("inception_a1_1x1_2 inception_a1_3x3 inception_a2_3x3",
         "inception_a1:1x1_2,3x3 inception_a2_3x3"),
        ("conv2_1/dw conv2_1/sep conv2_2/dw conv2_2/sep", "conv2_1:dw,sep conv2_2:dw,sep"),
        ("Net2/stem Net2/mixed_1/a Net2/mixed_1/b", "Net2/stem mixed_1:a,b"),
        ("b1/x b1/y other b1/z b1/w", "b1:x,y other b1 (2):z,w"),
        ("b1/x other", "b1/x other"),
        ("b1/x b1/y", "b1/x b1/y"),  # one block that is all of the net
        ("cls_score bbox_pred", "cls_score bbox_pred"),
    ],
)  # fmt: skip
def test_blocks_are_found_by_names(names: str, wanted: str) -> None:
    rows = chain(*names.split())
    found: list[str] = []
    for row in rows[1:]:
        if row.kind == "block":
            found.append(f"{row.title}:")
        elif row.depth:
            found[-1] += ("" if found[-1].endswith(":") else ",") + row.title
        else:
            found.append(row.title)
    assert " ".join(found) == wanted
    blocks = [row.block for row in rows if row.kind == "block"]
    assert len(set(blocks)) == len(blocks)
    check_lines(rows)


def test_kinds_of_joints() -> None:
    text = DATA + "".join(layer(name, "data") for name in "abc")
    for name, operation in (("s", "SUM"), ("p", "PROD"), ("m", "MAX")):
        more = f"eltwise_param {{ operation: {operation} }}"
        text += layer(name, "a b", name, "Eltwise", more)
    text += 'layer { name: "cut" type: "Slice" bottom: "c" top: "c1" top: "c2" }\n'
    text += layer("j", "c2 c1 c2", "j", "Concat")
    pooled = "pooling_param { pool: AVE global_pooling: true }"
    text += layer("gate", "data", "g", "Pooling", pooled)
    text += layer("flat", "g", "f", "Flatten")
    text += layer("scaled", "data f", "sc", "Scale", "scale_param { axis: 0 }")
    rows = {row.title: row for row in net_rows(net_table(parse_net(text)))}
    kinds = {name: rows[name].kind for name in ("s", "p", "m", "cut", "j", "scaled", "a")}
    assert kinds == {
        "s": "sum", "p": "product", "m": "max", "cut": "slice", "j": "concat",
        "scaled": "product", "a": "layer",
    }  # fmt: skip
    assert rows["cut"].blob == "c1"
    assert rows["j"].inputs == (list(rows).index("cut"),)


def test_a_net_that_cannot_run_has_rows_too() -> None:
    text = DATA + layer("b1/one", "data") + layer("b1/odd", "b1/one", "", "Teleport")
    text += layer("b1/two", "b1/odd", "b1/odd", "ReLU") + layer("lost", "nowhere")
    rows = net_rows(net_table(parse_net(text)))
    assert seen(rows) == [(0, "data"), (0, "b1"), (1, "one"), (1, "odd"), (0, "lost")]
    head, one, odd, lost = rows[1:]
    assert (one.shape, one.problem) == ((1, 4, 32, 32), "")
    assert odd.layers == ("b1/odd", "b1/two")
    assert (odd.shape, odd.macs, odd.geometry) == (None, None, None)
    assert "there is no layer type 'Teleport'" in odd.problem
    assert head.problem == odd.problem
    assert (head.macs, head.parameters) == (None, 16)
    assert lost.inputs == ()
    assert "'nowhere'" in lost.problem
    check_lines(rows)


def test_missing_weights_are_said() -> None:
    table = net_table(parse_net(DATA + layer("one", "data") + layer("two", "one")))
    fit = Fit("w.caffemodel", (), ("one",), {"two": (((4, 4, 1, 1), (4,)), ((4, 4, 3, 3),))}, ())
    rows = net_rows(table, fit)
    assert rows[0].problem == ""
    assert rows[1].problem == "w.caffemodel has no weights for layer 'one'"
    assert rows[2].problem == (
        "layer 'two' has weights of 4x4x1x1 4; in w.caffemodel they are 4x4x3x3"
    )


def test_times_add_up(efficient: Any) -> None:
    table = efficient[0]
    seconds = np.arange(1, len(table.rows) + 1) / 1000
    rows = net_rows(table.timed(list(seconds)))
    spent = dict(zip((row.name for row in table.rows), seconds))
    for row in rows:
        assert row.seconds == pytest.approx(sum(spent[name] for name in row.layers))
    assert totals(rows).seconds == pytest.approx(seconds.sum())
    one = replace(table.rows[5], seconds=None)
    half = net_rows(replace(table.timed(list(seconds)), rows=(*table.rows[:5], one)))
    assert half[-1].seconds is None


def _drawn(seed: int) -> NetTable:
    """A net of layers that read anything above them, some in place, some in blocks."""
    rng = np.random.default_rng(seed)
    rows, blobs = [Row("in", "Input", (), ("in",), None, None, 0, None, None)], ["in"]
    block = 0
    for k in range(int(rng.integers(3, 40))):
        block += int(rng.random() < 0.3)
        name = f"b{block}/l{k}" if rng.random() < 0.8 else f"l{k}"
        if rng.random() < 0.2:
            ends = (str(rng.choice(blobs)),)
            rows.append(Row(name, "ReLU", ends, ends, None, None, 0, None, None))
            continue
        recent = blobs[-int(rng.integers(1, 8)) :]
        bottoms = tuple(str(b) for b in rng.choice(recent, rng.integers(1, 4)))
        top = name if rng.random() < 0.9 else str(rng.choice(blobs))
        rows.append(Row(name, "Concat", bottoms, (top,), None, None, 0, None, None))
        blobs = [*(b for b in blobs if b != top), top]
    return NetTable("drawn", {}, {}, tuple(rows), 0)


@pytest.mark.parametrize("seed", range(60))
def test_lines_of_drawn_nets_lead_where_they_should(seed: int) -> None:
    table = _drawn(seed)
    rows = net_rows(table)
    check_lines(rows)
    # Every blob's reader is reached, whatever blocks there are.
    assert sorted(n for row in rows if row.kind != "block" for n in row.layers) == sorted(
        row.name for row in table.rows
    )
    maker: dict[str, int] = {}
    flat = [k for k, row in enumerate(rows) if row.kind != "block"]
    for k in flat:
        first = next(row for row in table.rows if row.name == rows[k].layers[0])
        wanted = {maker[b] for b in first.bottoms if b in maker}
        found = set()
        for i in rows[k].inputs:
            found |= set(rows[i].inputs) if rows[i].kind == "block" else {i}
        assert found == wanted
        maker |= dict.fromkeys(first.tops, k)
