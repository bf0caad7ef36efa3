"""The net in a few slabs: what is folded, what stands alone, which shapes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterlab.caffe import TEST, Net
from filterlab.caffe.prototxt import parse_net, read_net
from filterlab.errors import FilterLabError
from filterlab.surgery.transplant import transplant
from filterlab.workbench.outline import Slab, outline


def deploy(repo: Path, name: str) -> Path:
    return repo / "models" / name / "deploy.prototxt"


def titles(slabs: list[Slab]) -> list[str]:
    return [slab.title for slab in slabs]


def test_caffenet_before_the_surgery(repo: Path) -> None:
    slabs = outline(read_net(deploy(repo, "caffenet")))
    assert titles(slabs) == [
        "data", "conv1 – pool2", "conv3 – 5", "pool5", "fc6", "fc7", "fc8", "prob",
    ]  # fmt: skip
    assert [s.kind for s in slabs[4:]] == ["waiting", "waiting", "waiting", "output"]
    # The shapes that the tutorial gives.
    assert slabs[0].forms == ((3, 227, 227),)
    assert slabs[1].forms == ((96, 55, 55), (256, 27, 27), (256, 13, 13))
    assert slabs[3].forms == ((256, 6, 6),)
    assert (slabs[3].kernel, slabs[3].stride, slabs[3].sees) == ((3, 3), (2, 2), (195, 195))
    assert slabs[4].sees == (355, 355)


def test_the_cast_layers_after_it(repo: Path) -> None:
    folder = repo / "models" / "pocket"
    done = transplant(folder / "deploy.prototxt", folder / "pocket.caffemodel")
    slabs = outline(done.param, (355, 483), done.conversions)
    cast = [s for s in slabs if s.kind == "cast"]
    assert [(s.before, s.title) for s in cast] == [
        ("fc6", "fc6-conv"), ("fc7", "fc7-conv"), ("fc8", "fc8-conv"),
    ]  # fmt: skip
    assert (cast[0].old, cast[0].new) == ((128, 1728), (128, 48, 6, 6))
    # As the engine itself computes them.
    done.net.blobs["data"].reshape(1, 3, 355, 483)
    done.net.reshape()
    for slab in slabs[1:]:
        name = slab.layers[-1]
        blob = done.net.blobs[name] if name in done.net.blobs else done.net.blobs[slab.title]
        assert slab.forms[-1] == tuple(blob.shape[1:]), slab.title


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("alexnet", None),
        ("googlenet", None),
        ("squeezenet_v1.1", None),
        ("squeezenet_v1.1", (480, 640)),
    ],
)
def test_any_net_at_its_own_size_and_another(
    repo: Path, name: str, size: tuple[int, int] | None
) -> None:
    param = read_net(deploy(repo, name))
    net = Net(str(deploy(repo, name)), TEST)
    slabs = outline(param, size)
    assert 4 <= len(slabs) <= 8
    if size is not None:
        net.blobs["data"].reshape(1, 3, *size)
        net.reshape()
    known = {tuple(blob.shape[1:]) for blob in net.blobs.values() if len(blob.shape) == 4}
    for slab in slabs:
        assert slab.title
        for form in slab.forms:
            assert form in known or form[1:] == (1, 1), (slab.title, form)
    layers = [name for slab in slabs for name in slab.layers]
    assert len(layers) == len(set(layers)), "no layer is told twice"
    weighed = {layer.name for layer in param.layer if layer.type in ("Convolution", "Pooling")}
    assert weighed <= set(layers), "none is left out"


def test_blocks_of_one_name_are_one_group(repo: Path) -> None:
    slabs = outline(read_net(deploy(repo, "efficientnet-lite0")))
    assert titles(slabs) == ["data", "stem", "block0 – 15", "head", "pool", "fc", "prob"]
    assert slabs[2].forms == (
        (16, 112, 112), (24, 56, 56), (40, 28, 28), (112, 14, 14), (320, 7, 7),
    )  # fmt: skip
    assert [s.kind for s in slabs[4:6]] == ["waiting", "waiting"]


def test_a_pooling_that_saw_everything_slides(repo: Path, tmp_path: Path) -> None:
    done = transplant(deploy(repo, "squeezenet_v1.1"), None)
    pool = next(s for s in outline(done.param, (419, 419), done.conversions) if s.kind == "sliding")
    assert (pool.title, pool.new) == ("pool10", (14, 14))


def test_what_is_no_picture_net_is_refused() -> None:
    param = parse_net('layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 3 } } }')
    with pytest.raises(FilterLabError, match="no picture input"):
        outline(param)


def test_many_single_layers_are_folded_to_the_number_asked_for() -> None:
    text = (
        'layer { name: "data" type: "Input" top: "x0" '
        "input_param { shape { dim: 1 dim: 3 dim: 64 dim: 64 } } }"
    )
    for k in range(30):
        text += (
            f'layer {{ name: "layer{chr(97 + k % 26)}{k}x" type: "Convolution" '
            f'bottom: "x{k}" top: "x{k + 1}" '
            "convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }"
        )
    for most in (4, 6, 12):
        slabs = outline(parse_net(text), most=most)
        assert len(slabs) <= most
        assert sum(len(s.layers) for s in slabs) == 30


def test_a_net_of_one_layer() -> None:
    net = parse_net(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 8 '
        'dim: 9 } } } layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
        "convolution_param { num_output: 2 kernel_size: 3 } }"
    )
    assert [slab.forms for slab in outline(net)] == [((1, 8, 9),), ((2, 6, 7),)]


def test_a_block_is_called_by_what_its_layers_share() -> None:
    """A layer by its own name, two of a block by the block's, blocks from first to last."""
    names = ["conv1_1", "conv1_2", "conv2_1", "conv3_1", "conv3_2"]
    layers = "".join(
        f'layer {{ name: "{name}" type: "Convolution" bottom: "b{k}" top: "b{k + 1}"\n'
        "  convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }\n"
        for k, name in enumerate(names)
    )
    text = f"""name: "blocks"
    layer {{ name: "data" type: "Input" top: "b0"
      input_param {{ shape {{ dim: 1 dim: 3 dim: 16 dim: 20 }} }} }}
    {layers}
    layer {{ name: "fc" type: "InnerProduct" bottom: "b5" top: "fc"
      inner_product_param {{ num_output: 2 }} }}
    layer {{ name: "prob" type: "Softmax" bottom: "fc" top: "prob" }}
    """
    net = parse_net(text)
    titles = [(slab.title, slab.kind) for slab in outline(net)]
    assert titles == [
        ("b0", "input"), ("conv1", "plain"), ("conv2_1", "plain"), ("conv3", "plain"),
        ("fc", "waiting"), ("prob", "output"),
    ]  # fmt: skip
    few = outline(net, most=4)
    assert [slab.title for slab in few] == ["b0", "conv1 – 3", "fc", "prob"]
    assert few[1].layers == tuple(names)
    assert few[1].forms == ((4, 16, 20),)
    assert few[1].sees == (11, 11)
    alone = next(slab for slab in outline(net) if slab.title == "conv2_1")
    assert (alone.kernel, alone.stride) == ((3, 3), (1, 1))
    assert next(slab for slab in outline(net) if slab.title == "conv1").kernel is None
