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


# --- of small nets, whole -------------------------------------------------------------------------

CONV = 'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 pad: 1 }'
POOL = 'type: "Pooling" pooling_param { pool: MAX kernel_size: 2 stride: 2 }'
FC = 'type: "InnerProduct" inner_product_param { num_output: 9 }'


def chain(*layers: tuple[str, str], rows: int = 64, cols: int = 96) -> str:
    """Layers (name, what they are) one behind the other, each with a blob of its name."""
    text = (
        'layer { name: "data" type: "Input" top: "data" '
        f"input_param {{ shape {{ dim: 1 dim: 3 dim: {rows} dim: {cols} }} }} }}\n"
    )
    bottom = "data"
    for name, what in layers:
        text += f'layer {{ name: "{name}" bottom: "{bottom}" top: "{name}" {what} }}\n'
        bottom = name
    return text


WIDE = chain(
    ("norm", 'type: "Power" power_param { scale: 0.5 }'),
    ("conv1", 'type: "Convolution" convolution_param { num_output: 6 kernel_h: 3 kernel_w: 5 '
     "stride_h: 2 stride_w: 1 }"),
    ("relu1", 'type: "ReLU"'),
    ("pool", 'type: "Pooling" pooling_param { pool: MAX kernel_h: 2 kernel_w: 3 stride_h: 2 '
     "stride_w: 3 }"),
    ("fc6", 'type: "InnerProduct" inner_product_param { num_output: 7 }'),
    ("relu6", 'type: "ReLU"'),
    ("fc7", 'type: "InnerProduct" inner_product_param { num_output: 5 }'),
    ("prob", 'type: "Softmax"'),
    rows=41, cols=64,
)  # fmt: skip


def test_a_wide_net_slab_by_slab() -> None:
    """41 x 64 become 20 x 60 by steps of 2 and 1, then 10 x 20 by steps of 2 and 3."""
    assert outline(parse_net(WIDE)) == [
        Slab("data", (), "input", ((3, 41, 64),)),
        Slab("conv1", ("conv1",), "plain", ((6, 20, 60),), "", (), (), (3, 5), (2, 1), (3, 5)),
        Slab("pool", ("pool",), "plain", ((6, 10, 20),), "", (), (), (2, 3), (2, 3), (5, 7)),
        # What a fully connected layer sees: ten poolings of 4 pixels and a row more, 20 of 3.
        Slab("fc6", ("fc6",), "waiting", ((7, 1, 1),), sees=(5 + 9 * 4, 7 + 19 * 3)),
        Slab("fc7", ("fc7",), "waiting", ((5, 1, 1),), sees=(41, 64)),
        Slab("prob", ("prob",), "output", ((5, 1, 1),)),
    ]  # fmt: skip


def test_a_wide_net_after_the_surgery_on_a_larger_picture(tmp_path: Path) -> None:
    (tmp_path / "wide.prototxt").write_text(WIDE)
    done = transplant(tmp_path / "wide.prototxt", None)
    slabs = outline(done.param, (49, 73), done.conversions)
    assert [slab.forms for slab in slabs] == [
        ((3, 49, 73),), ((6, 24, 69),), ((6, 12, 23),), ((7, 3, 4),), ((5, 3, 4),), ((5, 3, 4),),
    ]  # fmt: skip
    assert [slab.kind for slab in slabs] == ["input", "plain", "plain", "cast", "cast", "output"]
    assert (slabs[3].before, slabs[3].old, slabs[3].new) == ("fc6", (7, 1200), (7, 6, 10, 20))
    assert (slabs[4].before, slabs[4].old, slabs[4].new) == ("fc7", (5, 7), (5, 7, 1, 1))
    assert (slabs[3].kernel, slabs[3].stride, slabs[3].sees) == ((10, 20), (1, 1), (41, 64))
    assert [slab.opens for slab in slabs] == ["data", "conv1", "pool", "fc6", "fc7", "prob"]
    assert slabs[1].before == slabs[5].before == ""


def test_poolings_that_see_everything_wait_or_slide(tmp_path: Path) -> None:
    """By name (global) or by size; a layer that gives nothing says nothing."""
    for how in ("global_pooling: true", "kernel_h: 16 kernel_w: 24"):
        text = chain(
            ("conv1", 'type: "Convolution" convolution_param { num_output: 4 kernel_size: 4 '
             "stride: 4 }"),
            ("all", f'type: "Pooling" pooling_param {{ pool: AVE {how} }}'),
            ("prob", 'type: "Softmax"'),
        )  # fmt: skip
        slabs = outline(parse_net(text + 'layer { name: "off" type: "Silence" bottom: "prob" }'))
        assert [(s.title, s.kind, s.forms[-1]) for s in slabs] == [
            ("data", "input", (3, 64, 96)), ("conv1", "plain", (4, 16, 24)),
            ("all", "waiting", (4, 1, 1)), ("prob", "output", (4, 1, 1)),
        ]  # fmt: skip
    (tmp_path / "all.prototxt").write_text(text.replace(how, "global_pooling: true"))
    done = transplant(tmp_path / "all.prototxt", None)
    slab = outline(done.param, (72, 104), done.conversions)[2]
    assert (slab.kind, slab.title, slab.before) == ("sliding", "all", "")
    assert (slab.forms, slab.new, slab.kernel) == (((4, 3, 3),), (16, 24), (16, 24))
    # A pooling that leaves one row of several columns sees not everything.
    flat = chain(("pool", 'type: "Pooling" pooling_param { kernel_h: 64 kernel_w: 2 stride: 2 }'))
    (_, slab) = outline(parse_net(flat))
    assert (slab.kind, slab.forms) == ("plain", ((3, 1, 48),))


def test_a_layer_that_enlarges() -> None:
    size = "num_output: 2 kernel_h: 4 kernel_w: 2 stride: 2"
    up = f'type: "Deconvolution" convolution_param {{ {size} }}'
    slab = outline(parse_net(chain(("conv", CONV), ("up", up))))[-1]
    assert (slab.kernel, slab.stride) == ((4, 2), (2, 2))
    assert slab.forms == ((2, 130, 192),)


STAGES = [("conv1", CONV), ("pool1", POOL), ("conv2", CONV), ("pool2", POOL), ("conv3", CONV),
          ("conv4", CONV), ("conv5", CONV), ("pool5", POOL), ("fc6", FC), ("fc7", FC),
          ("prob", 'type: "Softmax"')]  # fmt: skip
BLOCKS = [("left", CONV), ("right", CONV), ("fire1/a", CONV), ("fire1/b", CONV),
          ("fire2/a", CONV), ("fire2/b", CONV), ("res2a_1", CONV), ("res2a_branch", CONV),
          ("9", CONV), ("conv1_1", CONV), ("conv1_2", CONV)]  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "most", "wanted"),
    [
        # The last layer before the surgery stays in sight, and a pooling ends its stage.
        (STAGES, 1, "conv1 – pool5"), (STAGES, 5, "conv1 – pool5"), (STAGES, 6, "conv1 – 5, pool5"),
        (STAGES, 7, "conv1 – pool2, conv3 – 5, pool5"),
        (STAGES, 8, "conv1 – pool1, conv2 – pool2, conv3 – 5, pool5"),
        (STAGES, 9, "conv1 – pool1, conv2 – pool2, conv3 – 4, conv5, pool5"),
        (STAGES, 10, "conv1 – pool1, conv2 – pool2, conv3, conv4, conv5, pool5"),
        (STAGES, 11, "conv1 – pool1, conv2, pool2, conv3, conv4, conv5, pool5"),
        (STAGES, 12, "conv1, pool1, conv2, pool2, conv3, conv4, conv5, pool5"),
        (STAGES, 99, "conv1, pool1, conv2, pool2, conv3, conv4, conv5, pool5"),
        # Blocks of one name are one group, however many there may be.
        (BLOCKS, 99, "left, right, fire1 – 2, res2a, 9, conv1"),
        (BLOCKS, 7, "left, right, fire1 – 2, res2a, 9, conv1"),
        (BLOCKS, 6, "left – right, fire1 – 2, res2a, 9, conv1"),
        (BLOCKS, 5, "left – right, fire1 – 2, res2a – 9, conv1"),
        (BLOCKS, 4, "left – right, fire1 – 2, res2a – conv1"),
        (BLOCKS, 3, "left – fire2, res2a – conv1"), (BLOCKS, 2, "left – conv1"),
    ],
)  # fmt: skip
def test_neighbours_are_joined_until_there_is_room(
    layers: list[tuple[str, str]], most: int, wanted: str
) -> None:
    slabs = outline(parse_net(chain(*layers)), most=most)
    found = titles([slab for slab in slabs if slab.kind == "plain"])
    assert ", ".join(found) == wanted
    assert sum(len(slab.layers) for slab in slabs if slab.kind != "output") == sum(
        name != "prob" for name, _ in layers
    )
    if layers is STAGES and most == 8:
        assert slabs == outline(parse_net(chain(*layers))), "about eight, if nobody says"
        assert slabs[2].layers == ("conv2", "pool2")
        assert slabs[2].forms == ((4, 32, 48), (4, 16, 24))
