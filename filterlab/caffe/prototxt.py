"""Prototxt: protobuf's text format, read with clear errors, and written.

The reader is our own: it names the line and column of an error, passes over fields that only a
Caffe fork knows and that change no result (with one warning that names them; see
:mod:`filterlab.caffe.forks`), and takes what old files hold: a byte order
mark, CRLF, comments in any encoding. Whatever generation the text is of, :func:`parse_net` gives
today's form (see :mod:`filterlab.caffe.upgrade`).
"""

from __future__ import annotations

import os
import re
import warnings
from typing import Any, NoReturn

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from filterlab.caffe.errors import CaffeError, CaffeWarning
from filterlab.caffe.files import open_file
from filterlab.caffe.forks import check_field
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.text import Text, reason_of
from filterlab.caffe.upgrade import upgrade_net

__all__ = ["format_net", "parse_message", "parse_net", "read_net"]

# No prototxt of a net comes near; a weights file given by mistake does.
_LARGEST = 64 << 20

_TOKEN = re.compile(
    r"""(?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>\.?[0-9](?:[0-9A-Za-z_.]|(?<=[0-9.][eE])[+-])*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>[{}<>:;,\[\]./-])""",
    re.X,
)
_SPACE = re.compile(r"(?:[\s\ufeff]+|\#[^\n]*)*")
# A file with one of these in it is no text, whatever its name says.
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S
)
_SIMPLE_ESCAPES = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b"\\": b"\\", b"'": b"'", b'"': b'"', b"?": b"?",
}  # fmt: skip

_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
_REALS = (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE)
_BOOLS = {"true": True, "t": True, "True": True, "1": True}
_BOOLS |= {"false": False, "f": False, "False": False, "0": False}
_NAMELESS = "<prototxt>"
_CLOSERS = {"{": "}", "<": ">", "[": "]"}

_fields_of: dict[str, dict[str, tuple[FieldDescriptor, bool]]] = {}


def _fields(descriptor: Any) -> dict[str, tuple[FieldDescriptor, bool]]:
    """The fields of a message by name, each with whether it is repeated."""
    found = _fields_of.get(descriptor.full_name)
    if found is None:
        # `label` is deprecated in the newest protobuf, `is_repeated` missing in older ones.
        repeated = [
            f.is_repeated if hasattr(f, "is_repeated") else getattr(f, "label") == 3  # noqa: B009
            for f in descriptor.fields
        ]
        found = {f.name: (f, many) for f, many in zip(descriptor.fields, repeated)}
        _fields_of[descriptor.full_name] = found
    return found


class _Reader:
    """A recursive-descent parser; depth is bounded, since Caffe's messages do not recurse."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.unknown: dict[str, str] = {}  # fields passed over, and where
        self.at = 0  # where the current token begins
        self.end = 0  # where it ends
        self.kind: str | None = None  # None at the end of the text
        self.token = ""
        self.fork_type = ""  # a layer type of the V1 generation that only a fork knows
        self.advance()

    def advance(self) -> None:
        skipped = _SPACE.match(self.text, self.end)
        self.at = skipped.end() if skipped else self.end
        match = _TOKEN.match(self.text, self.at)
        if match is not None:
            self.kind, self.token, self.end = match.lastgroup, match.group(), match.end()
            return
        self.kind, self.token, self.end = None, "", self.at
        if self.at < len(self.text):
            character = self.text[self.at]
            if character in "\"'":
                self.fail("this string is not closed on its line; add the closing quote")
            if not character.isprintable():
                self.fail("this is not UTF-8 text; save the file as UTF-8")
            self.fail("unexpected character {character!r}", character=character)

    def line(self, at: int | None = None) -> int:
        return self.text.count("\n", 0, self.at if at is None else at) + 1

    def fail(self, template: str, at: int | None = None, /, **args: Any) -> NoReturn:
        at = self.at if at is None else at
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        raise CaffeError(
            "{path}:{line}:{column}: {message}",
            path=self.path,
            line=self.line(at),
            column=column,
            message=Text(template, **args),
        )

    def found(self) -> str:
        if self.kind is None:
            return Text("the end of the file")
        shown = self.token if len(self.token) <= 40 else self.token[:37] + "..."
        return shown if self.kind == "string" else repr(shown)

    def message(self, message: Message, where: str, closer: str | None, opened: int) -> None:
        """Read fields into ``message`` up to ``closer`` (None: up to the end of the text)."""
        fields = _fields(message.DESCRIPTOR)
        while True:
            if self.kind is None:
                if closer is None:
                    return
                self.fail(
                    "the file ends inside {where}, which was opened at line {line} and "
                    "never closed; add the missing {closer!r}",
                    where=where or Text("a block"),
                    line=self.line(opened),
                    closer=closer,
                )
            if self.kind == "mark" and self.token == closer:
                self.advance()
                return
            if self.kind != "word":
                if self.kind == "mark" and self.token == "[":
                    self.skip_field(where)
                    continue
                if self.kind == "mark" and self.token in "}>":
                    self.fail("{token!r} closes nothing here; remove it", token=self.token)
                self.fail("a field name is expected here, not {found}", found=self.found())
            known = fields.get(self.token)
            if known is None:
                self.skip_field(where)
                continue
            self.field(message, *known, where)
            self.separator()

    def separator(self) -> None:
        if self.kind == "mark" and self.token in ",;":
            self.advance()

    def field(self, message: Message, field: FieldDescriptor, many: bool, where: str) -> None:
        name, at = field.name, self.at
        full = f"{where}.{name}" if where else name
        self.advance()
        if not many and message.HasField(name):
            self.fail(Text("{field} is given twice; keep one", field=full), at)
        colon = self.kind == "mark" and self.token == ":"
        if colon:
            self.advance()
        if many and colon and self.kind == "mark" and self.token == "[":
            self.advance()
            while not (self.kind == "mark" and self.token == "]"):
                self.value(message, field, many, full, colon)
                if self.kind == "mark" and self.token == ",":
                    self.advance()
                elif not (self.kind == "mark" and self.token == "]"):
                    self.fail(
                        "',' or ']' is expected in the list of {field}, not {found}",
                        field=full,
                        found=self.found(),
                    )
            self.advance()
            return
        self.value(message, field, many, full, colon)

    def value(
        self, message: Message, field: FieldDescriptor, many: bool, full: str, colon: bool
    ) -> None:
        if field.message_type is not None:
            if self.kind != "mark" or self.token not in "{<":
                self.fail(
                    "'{{' is expected after {field}, not {found}", field=full, found=self.found()
                )
            closer, opened = _CLOSERS[self.token], self.at
            self.advance()
            held = getattr(message, field.name)
            if many:
                held = held.add()
            else:
                held.SetInParent()
            self.message(held, full, closer, opened)
            return
        if not colon:
            self.fail("':' is expected after {field}, not {found}", field=full, found=self.found())
        value = self.scalar(field, full)
        if many:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
        if self.fork_type:
            message.fork_type, self.fork_type = self.fork_type, ""  # type: ignore[attr-defined]

    def scalar(self, field: FieldDescriptor, full: str) -> Any:
        kind = field.type
        if kind in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            return self.string(full, kind == FieldDescriptor.TYPE_BYTES)
        at, sign = self.at, ""
        if self.kind == "mark" and self.token == "-":
            sign = "-"
            self.advance()
        word, is_word = sign + self.token, self.kind == "word"
        if self.kind not in ("word", "number"):
            self.fail(
                Text("{field} needs a value here, not {found}", field=full, found=self.found()), at
            )
        self.advance()
        if kind in _INTEGERS:
            return self.integer(word, kind, full, at)
        if kind in _REALS:
            return self.real(word, full, at)
        if kind == FieldDescriptor.TYPE_BOOL:
            if word not in _BOOLS:
                self.fail(
                    Text("{field} must be true or false, not {word!r}", field=full, word=word), at
                )
            return _BOOLS[word]
        enum: Any = field.enum_type
        if is_word and not sign:
            known = enum.values_by_name.get(word)
        else:
            number = self.integer(word, FieldDescriptor.TYPE_INT32, full, at)
            known = enum.values_by_number.get(number)
        if known is None and field.name == "engine" and is_word:
            # Forks have engines of their own; they say how to compute, not what.
            self.unknown.setdefault(f"{full}: {word}", f"line {self.line(at)}, harmless")
            return field.default_value
        if known is None and full == "layers.type" and is_word:
            self.fork_type = word
            return field.default_value
        if known is None:
            names = ", ".join(value.name for value in enum.values)
            self.fail(
                Text(
                    "{field} must be one of {names}, not {word!r}",
                    field=full,
                    names=names,
                    word=word,
                ),
                at,
            )
        return known.number

    def integer(self, word: str, kind: int, full: str, at: int) -> int:
        low, high = _INTEGERS[kind]
        digits = word.lstrip("-")
        try:
            if len(digits) > 40:
                raise ValueError
            octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
            value = int(digits, 8 if octal else 0) if "_" not in digits else int("?")
        except ValueError:
            self.fail(
                Text("{field} must be a whole number, not {word!r}", field=full, word=word[:40]), at
            )
        value = -value if word.startswith("-") else value
        if not low <= value <= high:
            self.fail(
                Text(
                    "{field} must lie within {low} and {high}, not {word}",
                    field=full,
                    low=low,
                    high=high,
                    word=word[:40],
                ),
                at,
            )
        return value

    def real(self, word: str, full: str, at: int) -> float:
        # As in C, 0.5f and 0x10 are numbers; Python's 1_000 is none.
        plain = word
        if re.fullmatch(r"-?[0-9.]+(?:[eE][+-]?[0-9]+)?[fF]", word):
            plain = word[:-1]
        elif re.fullmatch(r"-?0[xX][0-9a-fA-F]{1,16}", word):
            plain = str(int(word, 16))
        try:
            return float("?" if "_" in plain else plain)
        except ValueError:
            self.fail(
                Text("{field} must be a number, not {word!r}", field=full, word=word[:40]), at
            )

    def string(self, full: str, as_bytes: bool) -> Any:
        if self.kind != "string":
            self.fail(
                "{field} must be a text in quotes, not {found}", field=full, found=self.found()
            )
        at, parts = self.at, []
        while self.kind == "string":
            parts.append(self.token[1:-1])
            self.advance()
        value = "".join(parts)
        if "\\" not in value and not as_bytes and value.isascii():
            return value
        raw = value.encode("utf-8", "surrogateescape")

        def plain(match: re.Match[bytes]) -> bytes:
            octal, short, four, eight, simple = match.groups()
            if octal is not None:
                return bytes([int(octal, 8) & 255])
            if short is not None:
                return bytes([int(short, 16)])
            if simple is not None:
                if simple not in _SIMPLE_ESCAPES:
                    self.fail(
                        Text(
                            "{field} holds the unknown escape {escape!r}",
                            field=full,
                            escape=match.group(),
                        ),
                        at,
                    )
                return _SIMPLE_ESCAPES[simple]
            try:
                return chr(int(four or eight, 16)).encode("utf-8")
            except (ValueError, OverflowError):
                self.fail(Text("{field} holds an escape that is no character", field=full), at)

        raw = _ESCAPE.sub(plain, raw)
        if as_bytes:
            return raw
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self.fail(Text("{field} is not UTF-8 text; save the file as UTF-8", field=full), at)

    def skip_field(self, where: str) -> None:
        """Pass over a field that Caffe 1.0 does not know, of whatever shape."""
        name, at = self.token, self.at
        if name == "[":
            self.skip_block()
            name = " ".join(self.text[at : at + 60].split("]")[0].split()) + "]"
        else:
            self.advance()
        colon = self.kind == "mark" and self.token == ":"
        if colon:
            self.advance()
        elif not (self.kind == "mark" and self.token in "{<"):
            self.fail(
                "':' or '{{' is expected after {field}, not {found}", field=name, found=self.found()
            )
        full = f"{where}.{name}" if where else name
        place = f"{self.path}:{self.line(at)}"
        harmless = check_field(full, "" if self.kind == "mark" else self.token, place)
        told = f"line {self.line(at)}"
        self.unknown.setdefault(full, f"{told}, harmless" if harmless else told)
        if self.kind == "mark" and self.token in "{<[":
            self.skip_block()
        elif self.kind == "string":
            while self.kind == "string":
                self.advance()
        else:
            if self.kind == "mark" and self.token == "-":
                self.advance()
            if self.kind not in ("word", "number"):
                self.fail("{field} needs a value here, not {found}", field=name, found=self.found())
            self.advance()
        self.separator()

    def skip_block(self) -> None:
        opened, closers = self.at, [_CLOSERS[self.token]]
        while closers:
            self.advance()
            if self.kind is None:
                self.fail(
                    "the file ends inside the block opened at line {line}; add the "
                    "missing {closer!r}",
                    line=self.line(opened),
                    closer=closers[-1],
                )
            if self.kind != "mark":
                continue
            if self.token in _CLOSERS:
                closers.append(_CLOSERS[self.token])
            elif self.token in "}>]" and self.token != closers.pop():
                self.fail("{token!r} closes nothing here; remove it", token=self.token)
        self.advance()


def _decode(data: bytes, path: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise CaffeError(
                "{path}: not text; give a prototxt saved as UTF-8", path=path
            ) from error
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    found = _BINARY.search(data[: 1 << 16])
    if found is not None:
        raise CaffeError(
            "{path}: not text (byte {byte:#04x} at position {at}); give a prototxt here, "
            "and a caffemodel as the weights",
            path=path,
            byte=found.group()[0],
            at=found.start(),
        )
    # Comments may be of any encoding; what is wrong elsewhere is found where it stands.
    return data.decode("utf-8", "surrogateescape")


def _parse(text: str | bytes, message: Message, name: str) -> dict[str, str]:
    """Read ``text`` into ``message``; the unknown fields passed over, with where they stand."""
    if isinstance(text, bytes):
        text = _decode(text, name)
    elif text.startswith("\ufeff"):
        text = text[1:]
    reader = _Reader(text, name)
    reader.message(message, "", None, 0)
    return reader.unknown


def _warn(unknown: dict[str, str], name: str) -> None:
    if not unknown:
        return
    shown = [f"{field} ({where})" for field, where in unknown.items()]
    if len(shown) > 10:
        shown[10:] = [f"and {len(shown) - 10} more"]
    warnings.warn(
        CaffeWarning(
            Text(
                "{name}: passed over what Caffe 1.0 does not know: {fields}; if a name is "
                "misspelt, correct it",
                name=name,
                fields=", ".join(shown),
            )
        ),
        stacklevel=4,
    )


def parse_message(
    text: str | bytes, message: Message, path: str | os.PathLike[str] | None = None
) -> None:
    """Read text format into ``message``, whose type says what fields there are.

    Raises
    ------
    CaffeError
        ``path:line:col: …`` for the first error.

    Warns
    -----
    CaffeWarning
        Once, naming all fields that the message type does not have; they are left out.
    """
    name = _NAMELESS if path is None else os.fspath(path)
    _warn(_parse(text, message, name), name)


def parse_net(
    text: str | bytes, path: str | os.PathLike[str] | None = None, quiet: bool = False
) -> caffe_pb2.NetParameter:
    """A net's prototxt as a ``NetParameter`` of today's form.

    Parameters
    ----------
    text : str or bytes
        The prototxt, of any generation.
    path : path, optional
        Named in errors.
    quiet : bool
        Warn of nothing.

    Returns
    -------
    NetParameter
        Only ``layer`` with string types; ``input`` fields have become an Input layer, padding
        layers are folded into their convolutions.

    Raises
    ------
    CaffeError
        For text that is no net: ``path:line:col: …``.

    Warns
    -----
    CaffeWarning
        Once, naming all fields that Caffe 1.0 does not know; they are left out.
    """
    name = _NAMELESS if path is None else os.fspath(path)
    net = caffe_pb2.NetParameter()
    unknown = _parse(text, net, name)
    if not (net.layer or net.layers):
        if unknown.keys() & {"net", "train_net", "base_lr", "test_iter"}:
            raise CaffeError(
                "{name}: this is a solver's prototxt; open the net that it names", name=name
            )
        raise CaffeError("{name}: no layers; give the prototxt of a net", name=name)
    if not quiet:
        _warn(unknown, name)
    return upgrade_net(net, name)


def read_net(path: str | os.PathLike[str], quiet: bool = False) -> caffe_pb2.NetParameter:
    """Read a prototxt file; see :func:`parse_net`.

    Raises
    ------
    CaffeError
        If the file is missing, unreadable or no net.
    """
    name = os.fspath(path)
    try:
        with open_file(path) as stream:
            data = stream.read(1 << 16)
            if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
                _decode(data, name)  # refuses what is no text before more is read
            data += stream.read(_LARGEST + 1 - len(data))
        if len(data) > _LARGEST:
            raise CaffeError(
                "{name}: more than {most} MiB are too much for a prototxt; give the "
                "net's prototxt here",
                name=name,
                most=_LARGEST >> 20,
            )
    except CaffeError:
        raise
    except FileNotFoundError as error:
        raise CaffeError("{name}: no such file; check the path", name=name) from error
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise CaffeError("{name}: cannot be read ({reason})", name=name, reason=reason) from error
    return parse_net(data, name, quiet)


def format_net(net: caffe_pb2.NetParameter) -> str:
    """The net as prototxt, UTF-8 text that BVLC Caffe reads too."""
    return text_format.MessageToString(net, as_utf8=True)
