"""Every reader of files that strangers may have written, with good files to begin from."""

from __future__ import annotations

import base64
import io
import json
import random
import shutil
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import filterlab.caffe as caffe
from filterlab import paths
from filterlab.caffe.proto import caffe_pb2
from tools.attack.damage import damage_bytes, damage_json, damage_text, damage_zip

__all__ = ["READERS", "Reader"]

Good = dict[str, bytes]
Damage = Callable[[bytes, random.Random, list[bytes]], bytes]

_SMALL, _LARGE = 256 << 20, 4 << 30


@dataclass(frozen=True)
class Reader:
    """What reads one kind of file.

    Attributes
    ----------
    good : callable
        Files to begin from, by a name whose ending may matter.
    damage : callable
        How their bytes are damaged.
    read : callable
        Reads the file at a path; its folder is the reader's own, and is emptied after each.
    memory : int
        Bytes that reading may take beside what the process has.
    never_raises : bool
        Whether a damaged file must not even be a sentence, since the window opens by it.
    """

    good: Callable[[], Good]
    damage: Damage
    read: Callable[[Path], Any]
    memory: int = _SMALL
    never_raises: bool = False


# Nets and weights


def _nets() -> Good:
    from filterlab.caffe.prototxt import format_net

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
    good = {"made.prototxt": format_net(net).encode(), "old.prototxt": old.encode()}
    for path in sorted(paths.shipped_models_dir().rglob("*.prototxt")):
        good[f"{path.parent.name}-{path.name}"] = path.read_bytes()
    return good


def _weights() -> Good:
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
    return {
        "made.caffemodel": net.SerializeToString(),
        "old.caffemodel": old.SerializeToString(),
    }


def _hdf5() -> Good:
    from filterlab.caffe.hdf5 import write_weights

    net = caffe_pb2.NetParameter(name="made")
    rng = np.random.default_rng(0)
    layers = {"conv": [(2, 3, 3, 3), (2,)], "block/1x1": [(4, 18)]}
    for name in layers:
        net.layer.add(name=name, type="Convolution")
    blobs = {n: [rng.random(s, np.float32) for s in shapes] for n, shapes in layers.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.caffemodel.h5")
        write_weights(path, net, blobs)
        return {path.name: path.read_bytes()}


def _means() -> Good:
    flat, image = caffe_pb2.BlobProto(), caffe_pb2.BlobProto()
    flat.shape.dim.extend([3])
    flat.data.extend([104, 117, 123])
    image.num, image.channels, image.height, image.width = 1, 3, 4, 5
    image.data.extend(range(60))
    arrays = _arrays()
    return {
        "flat.binaryproto": flat.SerializeToString(),
        "image.binaryproto": image.SerializeToString(),
        "mean.npy": arrays["three.npy"],
        "mean.txt": b"104 117 123\n",
    }


def _read_means(path: Path) -> None:
    from filterlab.zoo.means import read_mean

    both: list[Callable[[Path], Any]] = [read_mean]
    if path.suffix == ".binaryproto":
        both += [caffe.io.read_mean, caffe.io.read_blobproto]
    _all(both, path)


def _all(reads: list[Callable[[Path], Any]], path: Path) -> None:
    """Let every reader of the kind read; the first sentence is raised when all have."""
    first: Exception | None = None
    for read in reads:
        try:
            read(path)
        except _sentences() as error:
            first = first or error
    if first is not None:
        raise first


def _sentences() -> tuple[type[Exception], ...]:
    from filterlab.errors import FilterLabError

    return caffe.CaffeError, FilterLabError


def _arrays() -> Good:
    rng = np.random.default_rng(1)
    made: Good = {}
    for name, array, version in (
        ("kernel.npy", rng.random((3, 3), np.float32), (1, 0)),
        ("three.npy", np.array([104.0, 117, 123]), (1, 0)),
        ("colour.npy", rng.random((6, 5, 3), np.float32), (2, 0)),
        ("bytes.npy", rng.integers(0, 256, (7, 4), np.uint8), (3, 0)),
        ("turned.npy", np.asfortranarray(rng.random((4, 6)).astype(">f8")), (1, 0)),
    ):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, version)
        made[name] = stream.getvalue()
    return made


def _read_arrays(path: Path) -> None:
    from filterlab.pictures import read_picture
    from filterlab.surgery.kernels.text import read_kernel
    from filterlab.zoo.means import read_mean

    _all([read_picture, read_kernel, read_mean, caffe.io.read_mean], path)


def _tensors() -> Good:
    from tests.zoo.torch_maker import file_of, tensor

    rng = np.random.default_rng(2)
    values = {"0": rng.random((2, 3)).astype(np.float32), "1": np.arange(4)}
    state = {name: tensor(array, key) for name, (key, array) in zip("wb", values.items())}
    return {"a.pth": file_of(state, values)}


def _read_tensors(path: Path) -> None:
    from filterlab.zoo.torch_file import read_tensors

    read_tensors(path)


def _onnx() -> Good:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)
    tensors = [
        numpy_helper.from_array(rng.random(shape, np.float32), name)
        for name, shape in (("w", (2, 3, 3, 3)), ("b", (2,)))
    ]
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"])
    ends = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, c, n, n])
        for name, c, n in (("x", 3, 5), ("y", 2, 3))
    )
    graph = helper.make_graph([node], "g", *([end] for end in ends), tensors)
    return {"a.onnx": helper.make_model(graph).SerializeToString()}


def _read_onnx(path: Path) -> None:
    from filterlab.progress import run_job
    from filterlab.zoo.convert import CONVERTERS

    run_job(CONVERTERS["onnx"].convert(path, {"conv": [(2, 3, 3, 3), (2,)]}, "read"))


# Texts


def _labels() -> Good:
    return {
        "lines.txt": "tench, Tinca tinca\ngoldfish\n# a comment\ntabby cat; 虎斑猫\n".encode(),
        "synsets.txt": b"n01440764 tench, Tinca tinca\nn01443537 goldfish\n",
        "table.tsv": "index\twnid\tnames\tzh\n0\tn01440764\ttench\t鱥\n1\t\tcat\t\n".encode(),
        "table.csv": b'id,name\n0,"tench, fish"\n1,goldfish\n',
        "list.json": b'["tench", "goldfish", ["tabby", "cat"]]',
        "keyed.json": b'{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}',
        "named.json": b'{"0": "tench", "1": "goldfish"}',
    }


def _read_labels(path: Path) -> None:
    from filterlab.zoo.labels import read_labels

    found = read_labels(path)
    found.search("cat")
    found.display(0)


def _groups() -> Good:
    made = '[[group]]\nid = "cats"\nen = "Cats"\nzh = "猫"\nindices = [281, "282-285"]\n'
    return {"groups.toml": made.encode()}


def _read_groups(path: Path) -> None:
    from filterlab.zoo.labels_files import read_groups

    read_groups(path)


def _kernels() -> Good:
    from filterlab.surgery.kernels.text import FORMATS, format_kernel

    values = np.random.default_rng(4).standard_normal((3, 5)).astype(np.float32)
    ends = {"tsv": "tsv", "csv": "csv", "gmic": "gmic", "json": "json", "imagej": "txt"}
    good = {f"{n}.{ends.get(n, 'py')}": format_kernel(values, n).encode() for n in FORMATS}
    return {**good, "scaled.py": b"np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16\n"}


def _read_kernels(path: Path) -> None:
    from filterlab.surgery.kernels.text import parse_block, read_kernel

    def pasted(path: Path) -> None:
        parse_block(path.read_bytes().decode("utf-8", "replace"))

    _all([read_kernel, pasted], path)


def _library() -> Good:
    from filterlab.surgery.kernels.library import KernelLibrary

    with tempfile.TemporaryDirectory() as folder:
        library = KernelLibrary(Path(folder, "kernels.json"))
        library.save("one", np.eye(3, dtype=np.float32), "mine")
        library.save("three", np.ones((3, 3, 3), np.float32), bias=0.5)
        return {"kernels.json": Path(folder, "kernels.json").read_bytes()}


def _read_library(path: Path) -> None:
    from filterlab.surgery.kernels.library import KernelLibrary

    try:
        KernelLibrary(path.with_name("other.json")).import_file(path)
    except _sentences():
        pass
    KernelLibrary(path).all()


def _catalogue() -> Good:
    return {
        "catalogue.toml": b'[[model]]\nname = "own"\ntitle = "Own"\nprototxt = "own.prototxt"\n'
        b'weights = "own.caffemodel"\nurls = ["https://example.org/own"]\nsize = 1000\n'
        b'digest = "sha256:' + b"0" * 64 + b'"\nmean_bgr = [104, 117, 123]\nscale = 255.0\n'
        b'order = "BGR"\ninput_size = [227, 227]\nlabels = "own.txt"\n'
        b'[model.origin]\nconverter = "onnx"\nfile = "own.onnx"\nurls = ["https://example.org/o"]\n',
        "shipped.toml": paths.model("catalogue.toml").read_bytes(),
    }


def _read_catalogue(path: Path) -> None:
    from filterlab.zoo.catalogue import read_catalogue

    for model in read_catalogue(path):
        home = paths.models_dir(), paths.cache_dir(), path.parent
        weights = model.weights_path.resolve()
        if not any(weights.is_relative_to(folder.resolve()) for folder in home):
            raise AssertionError(f"weights would be kept in {weights}")


# What the window keeps


def _settings() -> Good:
    kept = {"language": "zh", "theme": "dark", "recent": ["/a/b.png", "/c.png"], "geometry": "AAA="}
    kept["heatmap_look"] = '{"show": "class", "opacity": 0.5}'
    return {"settings.json": json.dumps(kept).encode()}


def _read_settings(path: Path) -> None:
    from filterlab.gui.settings import Settings

    before = path.read_bytes()
    settings = Settings(path.parent)
    _check_aside(path, before, bool(settings.left_out))
    for key in ("language", "theme", "heatmap_look"):
        settings.text(key)
    settings.data("geometry")
    settings.add_recent("/new.png")
    settings.set_text("theme", "light")
    settings.sync()
    again = Settings(path.parent)
    if again.left_out or again.recent[0] != "/new.png" or again.text("theme") != "light":
        raise AssertionError(f"settings written over the damage are not whole: {again.left_out}")


def _check_aside(path: Path, before: bytes, damaged: bool) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    if damaged != aside.exists() or (damaged and aside.read_bytes() != before):
        raise AssertionError("the damaged file is not kept aside")


@cache
def _session() -> Good:
    from filterlab.workbench.filter_bench import FilterBench
    from filterlab.workbench.heatmap_bench import HeatmapBench
    from filterlab.zoo.catalogue import get

    filters, heatmap = FilterBench(), HeatmapBench(get("pocket"))
    filters.set_mode("three")
    filters.set_cell(0, 0, 0, 0.5)
    tab = {
        "bench": filters.session(), "brush": 1.0, "step": 0.1, "symmetry": "none", "page": "bank",
        "look": {"scale": "shared", "relu": True, "absolute": False, "colours": "viridis"},
        "source": {"kind": "copy", "title": "Pasted"}, "lower": True,
    }  # fmt: skip
    kept = {
        "current": "heatmap",
        "tabs": {"filters": tab, "heatmap": heatmap.session()},
        "pictures": {"filters/input": "picture-1.png"},
        "saved": "2026-01-02T03:04:05",
        "ended": False,
    }
    return {"session.json": json.dumps(kept).encode()}


def _read_session(path: Path) -> None:
    from filterlab.gui.filters.session import look_from, odd, source_from
    from filterlab.gui.sessions import Sessions
    from filterlab.workbench.filter_bench import FilterBench
    from filterlab.workbench.heatmap_state import from_session
    from filterlab.zoo.catalogue import get

    before = path.read_bytes()
    sessions = Sessions(path.parent)
    folder = sessions.folder / "20260102-030405-abcdef"
    folder.mkdir(parents=True)
    path.rename(folder / path.name)
    (folder / "picture-1.png").write_bytes(b"")
    session = sessions.claim()
    try:
        state = session.load()
        _check_aside(session.path, before, bool(session.left_out))
        tabs = state.get("tabs")
        kept = tabs if isinstance(tabs, dict) else {}
        tab, heatmap = kept.get("filters"), kept.get("heatmap")
        if isinstance(tab, dict):
            odd(tab)
            look_from(tab.get("look"))
            source_from(tab)
            if isinstance(tab.get("bench"), dict):
                try:
                    FilterBench().restore(tab["bench"])
                except _sentences():
                    pass
        from_session(heatmap, get("pocket"))
        session.save({"tabs": kept}, {})
        if session.load().get("tabs") != {
            name: {**tab, "pictures": {}} if isinstance(tab, dict) else tab
            for name, tab in kept.items()
        }:
            raise AssertionError("what was read is not what is written")
    finally:
        session.close()
        shutil.rmtree(sessions.folder)


def _own_models() -> Good:
    model = {
        "name": "own", "title": "Own", "prototxt": "/a/own.prototxt",
        "weights": "/a/own.caffemodel", "labels": None, "numbered": False,
        "mean_bgr": [104.0, 117.0, 123.0], "scale": 255.0, "order": "BGR", "input_size": [227, 227],
        "output": "prob", "activation": "softmax", "channels": 3,
    }  # fmt: skip
    return {"own_models.json": json.dumps([model, {**model, "name": "second"}]).encode()}


def _read_own_models(path: Path) -> None:
    from filterlab.zoo import own_models

    place = own_models._store()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    shutil.copy(path, place)
    for model in own_models.own_models():
        str(model.prototxt)
        _ = model.ready
        _ = model.state


def _download_notes() -> Good:
    note = {"url": "https://example.org/a", "validator": '"abc"'}
    return {"a.part.json": json.dumps(note).encode()}


def _read_download_note(path: Path) -> None:
    from filterlab.zoo import download

    part = path.with_name("a.part")
    note = download._note(part)
    if note != path:
        path.rename(note)
    download._read_note(part)


# The three filters as one net


def _filters_nets() -> Good:
    """Prototxt and weights in one; :func:`_read_filters_net` parts them."""
    from filterlab.workbench.filter_bench import FilterBench

    made: Good = {}
    bench = FilterBench()
    with tempfile.TemporaryDirectory() as folder:
        for mode, divisor in (("grey", 9), ("three", -0.3)):
            bench.set_mode(mode)
            bench.set_divisor(1, divisor)
            prototxt, weights = bench.save_net(Path(folder, mode))
            made[f"{mode}.net"] = prototxt.read_bytes() + _BETWEEN + weights.read_bytes()
    return made


_BETWEEN = b"\n=====\n"


def _read_filters_net(path: Path) -> None:
    from filterlab.workbench.filter_bench import FilterBench
    from filterlab.workbench.filter_net import filters_net_among

    text, _, weights = path.read_bytes().partition(_BETWEEN)
    prototxt = path.with_suffix(".prototxt")
    prototxt.write_bytes(text)
    path.with_suffix(".caffemodel").write_bytes(weights)
    filters_net_among([prototxt])
    bench = FilterBench()
    bench.open_net(prototxt, path.with_suffix(".caffemodel"))
    if not np.isfinite(bench.state.weights).all():
        raise AssertionError("weights that are not finite were opened")


# Projects


def _projects() -> Good:
    from filterlab.progress import run_job
    from filterlab.workbench import project
    from filterlab.workbench.filter_bench import FilterBench
    from filterlab.workbench.heatmap_bench import HeatmapBench
    from filterlab.zoo.catalogue import get

    rng = np.random.default_rng(6)
    filters, heatmap = FilterBench(), HeatmapBench(get("pocket"))
    filters.set_mode("three")
    filters.set_pad("same")
    filters.set_picture(rng.random((6, 7, 3), np.float32), "noise")
    filters.apply(0)
    pixels = project.ProjectPicture("pixels", "noise", filters.picture.pixels)
    grey = project.ProjectPicture("pixels", "grey", np.eye(9, dtype=np.float32))
    pictures = {"filters": pixels, "heatmap": grey}
    task = project.Task("Find the cat", "Paint a kernel.", "edges", ("filters.size",))
    both = project.Project(
        filters.session(), project.heatmap_part(heatmap.state), pictures, {"tab": "filters"}, task,
        filters.state.stack,
    )  # fmt: skip
    made: Good = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, whole in (
            ("both.filterlab", both),
            ("one.filterlab", project.Project(filters.session())),
        ):
            path = run_job(project.write_job(whole, Path(folder, name)))
            made[name] = path.read_bytes()
    return made


def _read_project(path: Path) -> None:
    from filterlab.progress import run_job
    from filterlab.workbench.filter_bench import FilterBench
    from filterlab.workbench.heatmap_state import from_session
    from filterlab.workbench.project import read_job
    from filterlab.zoo.catalogue import get

    project = run_job(read_job(path))
    for part, picture in project.pictures.items():
        if picture.file is not None:
            raise AssertionError(f"{part}: a project of a stranger's names a file")
        picture.load()
    if project.filters is not None:
        FilterBench().restore(project.filters)
    for step in project.steps:
        step.picture.planes(step.settings.mode)
    from_session(project.heatmap, get("pocket"))


# Lessons and what a class passes on


def _lessons() -> Good:
    return {path.name: path.read_bytes() for path in paths.resource("lessons").glob("*.lesson")}


def _lesson_tables() -> Good:
    """Their tables as JSON, so that odd values stand where TOML still reads."""
    from filterlab.zoo.toml import parse_toml

    return {
        f"{name}.json": json.dumps(parse_toml(data.decode(), name)).encode()
        for name, data in _lessons().items()
    }


def _read_lesson(path: Path) -> None:
    from filterlab.workbench.facts import Facts
    from filterlab.workbench.filter_bench import FilterBench
    from filterlab.workbench.heatmap_bench import HeatmapBench
    from filterlab.workbench.lessons import Progress, lesson_from, read_lesson, start_filters
    from filterlab.workbench.net_study import NetStudy
    from filterlab.zoo.catalogue import get

    try:
        tables = json.loads(path.read_bytes()) if path.suffix == ".json" else None
    except (ValueError, RecursionError):
        tables = None
    lesson = lesson_from(tables, path.name) if isinstance(tables, dict) else read_lesson(path)
    bench = FilterBench(np.zeros((30, 40), np.float32), "black")
    try:
        start_filters(bench, lesson.start, path)
    except _sentences():
        pass
    look = Facts(bench, HeatmapBench(get("pocket")), ["cursor"], NetStudy())
    for at in range(len(lesson.steps)):
        progress = Progress(lesson, at)
        progress.look(look)
        if Progress.from_plain(lesson, progress.to_plain()) != progress:
            raise AssertionError("what was done is not what is kept")


def _codes() -> Good:
    """What stands in the codes of a challenge and of an answer to the first level."""
    from filterlab.workbench.challenges import level

    cells = [[0, 0.5, 0], [-1, 2, 0.125], [0, 0, 3]]
    return {
        "FLC1.json": json.dumps(["camera", cells, 0.25]).encode(),
        "FLA1.json": json.dumps([level(0).mark, "Ada", cells, -0.5, 2]).encode(),
    }


def _read_code(path: Path) -> None:
    from filterlab.workbench.challenges import Challenge, class_list, hints, level, to_csv

    packed = zlib.compress(path.read_bytes())
    body = base64.b32encode(packed + zlib.crc32(packed).to_bytes(4, "big")).decode().rstrip("=")
    ranked, problems = class_list(level(0), [f"FLA1-{body}"])
    if len(ranked) + len(problems) != 1:
        raise AssertionError("a code is neither ranked nor told")
    to_csv(ranked)
    if not ranked:
        hints(Challenge.from_code(f"FLC1-{body}"))


# Pictures


def _pictures() -> Good:
    from PIL import Image

    rng = np.random.default_rng(5)
    values = rng.integers(0, 256, (9, 13, 4), np.uint8)
    colour, clear = Image.fromarray(values[:, :, :3]), Image.fromarray(values)
    turned = Image.Exif()
    turned[274] = 6
    made: Good = {}

    def put(name: str, image: Image.Image, kind: str, **options: Any) -> None:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        made[name] = stream.getvalue()

    put("a.png", colour, "PNG")
    put("clear.png", clear, "PNG")
    put("palette.png", colour.convert("P"), "PNG")
    put("deep.png", Image.fromarray(rng.integers(0, 65536, (8, 9), np.uint16)), "PNG")
    put("moving.png", colour, "PNG", save_all=True, append_images=[colour.rotate(180)])
    put("a.jpg", colour, "JPEG", exif=turned)
    put("steps.jpg", colour.convert("L"), "JPEG", progressive=True)
    put("a.tif", colour, "TIFF")
    put("packed.tif", colour, "TIFF", compression="tiff_lzw")
    put("pages.tif", colour, "TIFF", save_all=True, append_images=[colour.rotate(180)])
    put("float.tif", Image.fromarray(rng.random((6, 7), np.float32)), "TIFF")
    put("a.bmp", colour, "BMP")
    put("a.gif", colour.convert("P"), "GIF")
    put("moving.gif", colour, "GIF", save_all=True, append_images=[colour.rotate(180)])
    put("a.webp", clear, "WEBP")
    put("lossless.webp", colour, "WEBP", lossless=True)
    put("a.ppm", colour, "PPM")
    put("a.pgm", colour.convert("L"), "PPM")
    put("a.pbm", colour.convert("1"), "PPM")
    return made


def _read_picture(path: Path) -> None:
    from filterlab.pictures import read_frame

    picture, frames = read_frame(path)
    if frames > 1:
        picture, _ = read_frame(path, frames - 1)
    if not np.isfinite(picture).all():
        raise AssertionError("values that are not finite")


def _read_net(path: Path) -> None:
    from filterlab.caffe.prototxt import read_net

    read_net(str(path))


def _read_weights(path: Path) -> None:
    from filterlab.caffe.caffemodel import read_weights

    read_weights(str(path), mapped=False)


READERS = {
    "prototxt": Reader(_nets, damage_text, _read_net),
    "filters net": Reader(_filters_nets, damage_bytes, _read_filters_net),
    "caffemodel": Reader(_weights, damage_bytes, _read_weights),
    "h5": Reader(_hdf5, damage_bytes, _read_weights),
    "binaryproto": Reader(_means, damage_bytes, _read_means),
    "npy": Reader(_arrays, damage_bytes, _read_arrays),
    "tensors": Reader(_tensors, damage_bytes, _read_tensors),
    "onnx": Reader(_onnx, damage_bytes, _read_onnx),
    "labels": Reader(_labels, damage_text, _read_labels),
    "groups": Reader(_groups, damage_text, _read_groups),
    "kernels": Reader(_kernels, damage_text, _read_kernels),
    "library": Reader(_library, damage_json, _read_library, never_raises=True),
    "catalogue": Reader(_catalogue, damage_text, _read_catalogue),
    "pictures": Reader(_pictures, damage_bytes, _read_picture, _LARGE),
    "lessons": Reader(_lessons, damage_text, _read_lesson),
    "lesson tables": Reader(_lesson_tables, damage_json, _read_lesson),
    "codes": Reader(_codes, damage_json, _read_code),
    "project": Reader(_projects, damage_zip, _read_project, _LARGE),
    "settings": Reader(_settings, damage_json, _read_settings, never_raises=True),
    "session": Reader(_session, damage_json, _read_session, never_raises=True),
    "own models": Reader(_own_models, damage_json, _read_own_models, never_raises=True),
    "download note": Reader(_download_notes, damage_json, _read_download_note, never_raises=True),
}
