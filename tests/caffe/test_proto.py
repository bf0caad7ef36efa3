"""Our caffe.proto and the module made from it."""

from __future__ import annotations

import copy
import csv
import pickle
import re
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor

from filterlab.caffe.forks import HONOURED
from filterlab.caffe.proto import caffe_pb2

_TYPES = {
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
}
_LABELS = {1: "optional", 2: "required", 3: "repeated"}


def _holder(message: str) -> str:
    """The field of a layer that holds a message of parameters."""
    for field in caffe_pb2.LayerParameter.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.name == message:
            return field.name if field.name.endswith("_param") else ""
    return ""


def test_every_field_is_as_the_format_says(shared: Path) -> None:
    with (shared / "caffe_format.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) > 300
    file = descriptor_pb2.FileDescriptorProto()
    caffe_pb2.DESCRIPTOR.CopyToProto(file)
    labels = {
        (message.name, field.name): (_LABELS[field.label], field.options.packed)
        for message in file.message_type
        for field in message.field
    }
    seen = 0
    for row in rows:
        if row["field"].startswith("(enum)"):
            owner = getattr(caffe_pb2, row["message"], caffe_pb2)
            enum = getattr(owner, row["field"].split()[1])
            assert dict(enum.items()) == {
                name: int(number)
                for name, number in (entry.split("=") for entry in row["number"].split())
            }
            continue
        message = getattr(caffe_pb2, row["message"])
        field = message.DESCRIPTOR.fields_by_name[row["field"]]
        assert field.number == int(row["number"]), row
        label, packed = labels[row["message"], row["field"]]
        assert row["label"] == (f"{label} packed" if packed else label), row
        if label != "repeated" and row["default"]:
            value = field.default_value
            if field.enum_type is not None:
                value = field.enum_type.values_by_number[value].name
            if field.type == FieldDescriptor.TYPE_FLOAT:
                assert value == pytest.approx(float(row["default"]), rel=1e-6), row
            else:
                assert str(value) == row["default"], row
        if field.message_type is not None:
            assert field.message_type.name == row["type"], row
        elif field.enum_type is not None:
            assert field.enum_type.full_name.removeprefix("caffe.") == row["type"].split()[1], row
        else:
            assert _TYPES[field.type] == row["type"], row
        seen += 1
    assert seen == len([row for row in rows if not row["field"].startswith("(enum)")])
    listed = {(row["message"], row["field"]) for row in rows}
    added = {
        (message.name, field.name)
        for message in file.message_type
        for field in message.field
        if message.name in {name for name, _ in listed} and (message.name, field.name) not in listed
    }
    # What forks added stands in numbers that Caffe 1.0 does not use.
    own = {(row["message"], row["number"]) for row in rows}
    for name, field_name in added:
        number = getattr(caffe_pb2, name).DESCRIPTOR.fields_by_name[field_name].number
        assert (name, str(number)) not in own
    fork_fields = {f"{_holder(name)}.{field}" for name, field in added if _holder(name)}
    assert fork_fields == set(HONOURED)


def test_the_module_is_made_from_the_file_beside_it(repo: Path) -> None:
    text = (repo / "filterlab/caffe/proto/caffe.proto").read_text(encoding="utf-8")
    made = descriptor_pb2.FileDescriptorProto()
    caffe_pb2.DESCRIPTOR.CopyToProto(made)
    written = re.findall(r"^message (\w+)", text, re.M)
    assert written == [message.name for message in made.message_type]
    for message in made.message_type:
        body = re.search(rf"^message {message.name} {{\n(.*?)^}}", text, re.M | re.S)
        assert body is not None
        numbers = re.findall(r"^  \w+ [\w.]+ (\w+) = (\d+)", body.group(1), re.M)
        assert numbers == [(field.name, str(field.number)) for field in message.field]


def test_messages_copy_and_pickle() -> None:
    net = caffe_pb2.NetParameter(name="n")
    net.layer.add(name="c").convolution_param.kernel_size.append(3)
    assert copy.deepcopy(net) == net
    assert pickle.loads(pickle.dumps(net)) == net


def test_lives_beside_another_module_of_the_same_messages() -> None:
    """BVLC's caffe_pb2 registers the same names in the process-wide pool."""
    from google.protobuf import descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="other/caffe.proto", package="caffe")
    file.message_type.add(name="NetParameter").field.add(
        name="title", number=1, type=FieldDescriptor.TYPE_STRING, label=1
    )
    pool = descriptor_pool.Default()
    pool.Add(file)
    other = message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))
    assert (
        other(title="x").SerializeToString() == caffe_pb2.NetParameter(name="x").SerializeToString()
    )
