"""The prototxt reader and writer, against protobuf's own and by hand."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from filterlab.caffe import CaffeError, CaffeWarning
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.prototxt import _fields, format_net, parse_message, parse_net, read_net

CONV = 'layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { %s } }'


def conv(text: str) -> Any:
    return parse_net(CONV % text).layer[0].convolution_param


@pytest.mark.parametrize("kind", ["goldens", "squeezenet"])
def test_reads_what_protobufs_own_reader_reads(shared: Path, kind: str) -> None:
    paths = sorted((shared / kind).rglob("*.prototxt"))
    assert paths
    for path in paths:
        ours = caffe_pb2.NetParameter()
        parse_message(path.read_bytes(), ours, path)
        theirs = text_format.Parse(path.read_text(encoding="utf-8"), caffe_pb2.NetParameter())
        assert ours == theirs, path.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("num_output: 3", {"num_output": 3}),
        ("num_output: 0x1F", {"num_output": 31}),
        ("num_output: 017", {"num_output": 15}),
        ("kernel_size: [3, 5]", {"kernel_size": [3, 5]}),
        ("kernel_size: 3 kernel_size: 5;", {"kernel_size": [3, 5]}),
        ("pad: 1, stride: 2", {"pad": [1], "stride": [2]}),
        ("bias_term: false", {"bias_term": False}),
        ("bias_term: 1", {"bias_term": True}),
        ("engine: CAFFE", {"engine": 1}),
        ("engine: 2", {"engine": 2}),
    ],
)
def test_values(text: str, expected: dict[str, Any]) -> None:
    param = conv(text)
    for field, value in expected.items():
        held = getattr(param, field)
        assert (list(held) if isinstance(value, list) else held) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-1.5", -1.5),
        ("- 2", -2.0),
        ("1e-2", 0.01),
        (".5", 0.5),
        ("2.", 2.0),
        ("0.25f", 0.25),
        ("0x10", 16.0),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("1e400", math.inf),
    ],
)
def test_floats(text: str, value: float) -> None:
    assert conv(f"weight_filler < std: {text} >").weight_filler.std == pytest.approx(value)


def test_nan() -> None:
    assert math.isnan(conv("weight_filler: { std: nan }").weight_filler.std)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a\\tb"', "a\tb"),
        ("'it is \"q\"'", 'it is "q"'),
        ('"one " "two"', "one two"),
        ('"\\344\\270\\255"', "中"),
        ('"\\u4e2d文"', "中文"),
        ('"\\x41"', "A"),
    ],
)
def test_strings(text: str, value: str) -> None:
    assert conv(f"weight_filler {{ type: {text} }}").weight_filler.type == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer {\n  name: 3\n}", "net.prototxt:2:9: layer.name must be a text in quotes, not '3'"),
        ('layer {\n  name: "a\n}', "net.prototxt:2:9: this string is not closed on its line"),
        ('layer { name "a" }', "net.prototxt:1:14: ':' is expected after layer.name"),
        ("layer: 5", "net.prototxt:1:8: '{' is expected after layer"),
        ("layer { } }", "net.prototxt:1:11: '}' closes nothing here"),
        ("layer { 5: 3 }", "net.prototxt:1:9: a field name is expected here, not '5'"),
        ("layer { phase: MAYBE }", "net.prototxt:1:16: layer.phase must be one of TRAIN, TEST"),
        ("layer { phase: 2 }", "net.prototxt:1:16: layer.phase must be one of TRAIN, TEST"),
        ('layer { name: "a" name: "b" }', "net.prototxt:1:19: layer.name is given twice"),
        ("layer { propagate_down: maybe }", "must be true or false, not 'maybe'"),
        (CONV % "num_output: -1", "num_output must lie within 0 and 4294967295, not -1"),
        (CONV % "num_output: 1.5", "num_output must be a whole number, not '1.5'"),
        (CONV % "num_output: 1_0", "num_output must be a whole number, not '1_0'"),
        (CONV % "num_output: 09", "num_output must be a whole number, not '09'"),
        (CONV % ("num_output: " + "9" * 5000), "num_output must be a whole number"),
        (CONV % "num_output:", "num_output needs a value here, not '}'"),
        (CONV % "kernel_size: [3 5]", "',' or ']' is expected in the list"),
        (CONV % "weight_filler { std: 1e }", "std must be a number, not '1e'"),
        (CONV % 'weight_filler { type: "\\q" }', "unknown escape"),
        (CONV % "weight_filler { type: '\\377' }", "is not UTF-8 text"),
        ("layer {\n\n", "net.prototxt:3:1: the file ends inside layer, which was opened at line 1"),
        ("layer { fork { a: 1 ", "the file ends inside the block opened at line 1"),
        ("layer { fork { a: 1 > } }", "'>' closes nothing here"),
        ("layer { [fork\n a] 3 }", "':' or '{' is expected after [fork a], not '3'"),
        ("layer { fork 3 }", "':' or '{' is expected after fork"),
        ("layer { } @", "net.prototxt:1:11: unexpected character '@'"),
        ("layer { } \udc80", "this is not UTF-8 text"),
        ("", "net.prototxt: no layers"),
        ('name: "n"', "net.prototxt: no layers"),
        ('net: "a.prototxt" base_lr: 0.1', "this is a solver's prototxt"),
        ("\x00\x01", "net.prototxt: not text (byte 0x00 at position 0)"),
    ],
)
def test_errors_say_where_and_what(text: str, message: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CaffeWarning)
        with pytest.raises(CaffeError) as caught:
            parse_net(data, "net.prototxt")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("syntax.prototxt", "syntax.prototxt:2:39: the file ends inside layer"),
        ("empty.prototxt", "no layers"),
        ("png_as.prototxt", "not text"),
    ],
)
def test_bad_files(shared: Path, name: str, message: str) -> None:
    with pytest.raises(CaffeError, match="prototxt") as caught:
        read_net(shared / "bad_inputs" / name)
    assert message in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CaffeError, match="no such file"):
        read_net(tmp_path / "none.prototxt")
    with pytest.raises(CaffeError, match="cannot be read"):
        read_net(tmp_path)


def test_a_large_binary_file_is_refused_from_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "weights.caffemodel"
    with path.open("wb") as stream:
        stream.write(b"\n\x04name\xa2\x06")
        stream.truncate(1 << 40)  # a hole: reading all of it would fill the memory
    with pytest.raises(CaffeError, match="not text"):
        read_net(path)


def test_a_text_too_large_for_a_net(tmp_path: Path) -> None:
    path = tmp_path / "large.prototxt"
    path.write_bytes(b"#" * ((64 << 20) + 1))
    with pytest.raises(CaffeError, match="more than 64 MiB"):
        read_net(path)


def test_mark_line_ends_and_comments(shared: Path) -> None:
    odd = read_net(shared / "bad_inputs" / "crlf_bom_comment.prototxt")
    assert odd == read_net(shared / "goldens" / "nets" / "small_v2.prototxt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
def test_comments_in_any_encoding(encoding: str) -> None:
    text = "# 卷积核\nname: \"n\" # 步长\r\nlayer { type: 'ReLU' name: 'r' }"
    assert parse_net(text.encode(encoding)).layer[0].name == "r"


def test_unknown_fields_are_named_in_one_warning() -> None:
    text = (
        'layer { name: "c" type: "Convolution" new_flag: true convolution_param {\n'
        '  num_output: 2 fork_list: [1, 2] fork_text: "a" "b" fork_block { x { y: -1 } } '
        "fork_block < z: 1e-3 >; } }\n[caffe.ext]: 5 odd: NAME"
    )
    with pytest.warns(CaffeWarning) as caught:
        net = parse_net(text, "fork.prototxt")
    assert len(caught) == 1
    message = str(caught[0].message)
    for part in (
        "fork.prototxt",
        "layer.new_flag (line 1)",
        "layer.convolution_param.fork_list (line 2)",
        "fork_text",
        "fork_block",
        "[caffe.ext] (line 3)",
        "odd",
    ):
        assert part in message
    assert net.layer[0].convolution_param.num_output == 2
    assert parse_net(format_net(net)) == net


def test_the_engine_of_a_fork_is_passed_over() -> None:
    """It says how to compute, not what; Intel's nets name engines of their own."""
    text = """
    layer { name: "a" type: "ReLU" relu_param { engine: CUDNN negative_slope: 0.5 } }
    layer { name: "b" type: "ReLU" relu_param { engine: MKL2017 negative_slope: 0.5 } }
    """
    with pytest.warns(
        CaffeWarning, match=r"relu_param.engine: MKL2017 \(line 3, harmless\)"
    ) as caught:
        net = parse_net(text)
    assert len(caught) == 1
    assert [layer.relu_param.engine for layer in net.layer] == [2, 0]
    with pytest.raises(CaffeError, match="pool must be one of"):
        parse_net('layer { name: "a" type: "Pooling" pooling_param { pool: MEDIAN } }')


def test_unknown_field_of_the_reference(shared: Path) -> None:
    with pytest.warns(CaffeWarning, match="some_fork_option"):
        net = read_net(shared / "bad_inputs" / "unknown_field.prototxt")
    assert net.layer[1].convolution_param.num_output == 2


def _messages(descriptor: Any, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Any message of a type as a dict of its fields, but for numbers of weights."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for field, repeated in _fields(descriptor).values():
        kind = field.type
        value: st.SearchStrategy[Any]
        if field.message_type is not None:
            if depth > 2 or field.message_type.name in ("V1LayerParameter", "BlobProto"):
                continue
            value = _messages(field.message_type, depth + 1)
        elif field.enum_type is not None:
            value = st.sampled_from([entry.number for entry in field.enum_type.values])
        elif kind in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
            value = st.floats(width=32, allow_nan=False)
        elif kind == field.TYPE_BOOL:
            value = st.booleans()
        elif kind == field.TYPE_STRING:
            value = st.text(st.characters(codec="utf-8"), max_size=8)
        elif kind == field.TYPE_UINT32:
            value = st.integers(0, 2**32 - 1)
        elif kind == field.TYPE_INT64:
            value = st.integers(-(2**63), 2**63 - 1)
        else:
            value = st.integers(-(2**31), 2**31 - 1)
        if repeated:
            value = st.lists(value, min_size=1, max_size=3)
        fields[field.name] = value
    # A few fields at a time: a layer has seventy.
    names = st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=4)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({n: fields[n] for n in chosen}))


_LAYERS = st.lists(_messages(caffe_pb2.LayerParameter.DESCRIPTOR), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(_LAYERS, st.booleans())
def test_a_random_net_survives_writing_and_reading(layers: list[Any], single_line: bool) -> None:
    net = caffe_pb2.NetParameter(layer=[caffe_pb2.LayerParameter(**layer) for layer in layers])
    text = text_format.MessageToString(net, as_one_line=True) if single_line else format_net(net)
    read = caffe_pb2.NetParameter()
    parse_message(text, read)
    assert read == net
