"""Both nets' rows side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterlab.surgery.net_rows import net_rows
from filterlab.surgery.net_table import net_table
from filterlab.surgery.transplant import Transplanted, transplant
from filterlab.surgery.transplant_rows import PairRow, transplant_rows


def _told(rows: tuple[PairRow, ...]) -> list[tuple[str, str, str]]:
    return [
        (r.before.title if r.before else "", r.after.title if r.after else "", r.kind) for r in rows
    ]


def _complete(rows: tuple[PairRow, ...], t: Transplanted) -> None:
    """Each side is its net's rows, all of them, in order."""
    assert tuple(r.before for r in rows if r.before) == net_rows(net_table(t.source_param))
    assert tuple(r.after for r in rows if r.after) == net_rows(net_table(t.param))


def test_caffenets_shape(thin: Transplanted) -> None:
    rows = transplant_rows(thin)
    _complete(rows, thin)
    assert _told(rows) == [
        ("data", "data", ""), ("conv1", "conv1", ""), ("pool1", "pool1", ""),
        ("conv2", "conv2", ""), ("pool2", "pool2", ""), ("conv5", "conv5", ""),
        ("pool5", "pool5", ""), ("fc6", "fc6-conv", "fc->conv"), ("fc8", "fc8-conv", "fc->conv"),
        ("prob", "prob", ""),
    ]  # fmt: skip
    cast = rows[7]
    assert cast.before is not None
    assert cast.after is not None
    assert (cast.before.shape, cast.after.shape) == ((10, 16), (1, 16, 1, 1))
    assert cast.before.parameters == cast.after.parameters
    assert [c.new_shape for c in cast.changes] == [(16, 5, 6, 6)]


HEAD = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
"""  # noqa: E501


def _conv(name: str, bottom: str) -> str:
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        "convolution_param { num_output: 6 kernel_size: 3 pad: 1 stride: 2 "
        'weight_filler { type: "msra" } } }\n'
    )


def test_blocks_pools_and_what_is_left_out(tmp_path: Path) -> None:
    text = HEAD + _conv("b1/x", "data") + _conv("b1/y", "b1/x")
    text += """
    layer { name: "aux" type: "InnerProduct" bottom: "b1/x" top: "aux" inner_product_param { num_output: 3 } }
    layer { name: "aux_prob" type: "Softmax" bottom: "aux" top: "aux_prob" }
    layer { name: "pool" type: "Pooling" bottom: "b1/y" top: "pool" pooling_param { pool: AVE global_pooling: true } }
    layer { name: "flat" type: "Flatten" bottom: "pool" top: "flat" }
    layer { name: "fc" type: "InnerProduct" bottom: "flat" top: "fc" inner_product_param { num_output: 4 } }
    """  # noqa: E501
    (tmp_path / "net.prototxt").write_text(text)
    t = transplant(tmp_path / "net.prototxt", None, output="fc")
    rows = transplant_rows(t)
    _complete(rows, t)
    assert _told(rows) == [
        ("data", "data", ""), ("b1", "b1", ""), ("x", "x", ""), ("y", "y", ""),
        ("aux", "", "removed"), ("aux_prob", "", "removed"),
        ("pool", "pool", "pool->stride 1"), ("flat", "", "flatten removed"),
        ("fc", "fc-conv", "fc->conv"), ("", "prob", "added"),
    ]  # fmt: skip


def test_a_cast_within_a_block_is_told_of_the_block_too(tmp_path: Path) -> None:
    text = HEAD + _conv("one", "data") + _conv("head/mid", "one")
    text += """
    layer { name: "head/fc" type: "InnerProduct" bottom: "head/mid" top: "head/fc" inner_product_param { num_output: 4 } }
    layer { name: "prob" type: "Softmax" bottom: "head/fc" top: "prob" }
    """  # noqa: E501
    (tmp_path / "net.prototxt").write_text(text)
    rows = transplant_rows(transplant(tmp_path / "net.prototxt", None))
    told = _told(rows)
    assert ("head", "head", "fc->conv") in told
    assert ("fc", "fc-conv", "fc->conv") in told
    assert ("mid", "mid", "") in told


@pytest.mark.parametrize("name", ["efficientnet-lite0", "pocket"])
def test_models_at_hand(name: str) -> None:
    from filterlab.errors import FilterLabError
    from filterlab.progress import run_job
    from filterlab.zoo import catalogue
    from filterlab.zoo.getting import prepare_job

    try:
        model = run_job(prepare_job(catalogue.get(name)))
    except FilterLabError as error:
        pytest.skip(str(error))
    t = transplant(model.prototxt, model.need_weights())
    rows = transplant_rows(t)
    _complete(rows, t)
    changed = [(r.after.title if r.after else "", r.kind) for r in rows if r.kind]
    assert (
        changed
        == {
            "efficientnet-lite0": [("pool", "pool->stride 1"), ("fc-conv", "fc->conv")],
            "pocket": [(f"fc{k}-conv", "fc->conv") for k in (6, 7, 8)],
        }[name]
    )
