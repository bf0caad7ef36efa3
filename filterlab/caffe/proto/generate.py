"""Make ``caffe_pb2.py`` and ``caffe_pb2.pyi`` from ``caffe.proto``.

Run ``python -m filterlab.caffe.proto.generate`` after editing caffe.proto; it needs the package
``grpcio-tools``, which nothing else does.

Ordinary generated modules refuse to load on an older protobuf than the one they were made with,
and register ``caffe.NetParameter`` process-wide, where it would clash with BVLC Caffe's own. The
module made here holds the serialised descriptor and builds the classes at import in a pool of
its own, so one file serves every protobuf since 4.22 (run on 4.25, 5.29 and
7.36) and lives beside another caffe_pb2.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

__all__ = ["descriptor_of", "main"]

_HERE = Path(__file__).resolve().parent
_PROTO = "filterlab/caffe/proto/caffe.proto"

_TEMPLATE = '''"""Caffe's messages as classes. Made from caffe.proto by generate.py; do not edit."""

import base64

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

_SERIALIZED = base64.b64decode(
    """
{serialized}
"""
)


def _build() -> None:
    # A pool of our own: BVLC Caffe's caffe_pb2 may live in the same process.
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto.FromString(_SERIALIZED)
    pool.Add(file)
    names = globals()
    descriptor = names["DESCRIPTOR"] = pool.FindFileByName(file.name)
    for name, message in descriptor.message_types_by_name.items():
        names[name] = message_factory.GetMessageClass(message)
        names[name].__module__ = __name__
    for name, enum in descriptor.enum_types_by_name.items():
        names[name] = enum_type_wrapper.EnumTypeWrapper(enum)
        names.update((value.name, value.number) for value in enum.values)


_build()
'''


def _protoc(folder: Path, *arguments: str) -> None:
    tree = folder / _PROTO
    tree.parent.mkdir(parents=True, exist_ok=True)
    tree.write_bytes((_HERE / "caffe.proto").read_bytes())
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", *arguments, _PROTO]
    subprocess.run(command, check=True, cwd=folder)


def descriptor_of() -> bytes:
    """The serialised FileDescriptorProto of caffe.proto as it stands."""
    from google.protobuf import descriptor_pb2

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _protoc(folder, f"--descriptor_set_out={folder / 'set.bin'}")
        found = descriptor_pb2.FileDescriptorSet.FromString((folder / "set.bin").read_bytes())
    return found.file[0].SerializeToString(deterministic=True)


def main() -> int:
    """Write both files."""
    encoded = base64.b64encode(descriptor_of()).decode()
    text = _TEMPLATE.format(serialized="\n".join(textwrap.wrap(encoded, 96)))
    (_HERE / "caffe_pb2.py").write_text(text, encoding="utf-8", newline="\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _protoc(folder, f"--pyi_out={folder}")
        stub = (folder / _PROTO).with_name("caffe_pb2.pyi").read_text(encoding="utf-8")
    stub = "# Made from caffe.proto by generate.py; do not edit.\n# ruff: noqa\n" + stub
    stub = re.sub(r"[ \t]+$", "", stub, flags=re.M)
    (_HERE / "caffe_pb2.pyi").write_text(stub, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
