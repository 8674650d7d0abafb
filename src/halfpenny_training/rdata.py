"""Read data sets out of an R package without R: lazy-load databases and R's XDR serialisation.

Only what data sets need is understood: vectors, factors, lists, attributes and S4 objects. Format: "R Internals",
section 1.8 (serialization) and the documentation of ``lazyLoadDBfetch``.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import struct
import zlib
from pathlib import Path
from typing import Any

from halfpenny_risk.errors import BadTable

_NULL, _SYMBOL, _PAIRLIST, _CHARACTERS, _LOGICAL, _INTEGER, _REAL, _STRINGS, _LIST, _S4 = (
    254, 1, 2, 9, 10, 13, 14, 16, 19, 25,
)  # fmt: skip
_REFERENCE, _ENVIRONMENT, _LANGUAGE = 255, 4, 6
_ATTRIBUTES_PAIRLIST, _ATTRIBUTES_LANGUAGE = 239, 240
# NULL, the global, the base and the empty environment, and the missing argument hold no data.
_NOTHING = frozenset({254, 253, 247, 242, 241, 251})
_NA_INTEGER = -(2**31)


class RObject:
    """A value with R attributes: ``value`` is a list of numbers, strings or objects."""

    def __init__(self, value: Any, attributes: dict[str, Any]) -> None:
        self.value = value
        self.attributes = attributes


def lazy_load(database: Path, name: str) -> Any:
    """The object ``name`` of a lazy-load database, given the path of its ``.rdb``."""
    index = _Reader(_unpacked_index(database.with_suffix(".rdx"))).read()
    variables = dict(zip(index.value_names(), index.value, strict=True))["variables"]
    places = dict(zip(variables.value_names(), variables.value, strict=True))
    if name not in places:
        raise BadTable(f"{database.name} has no data set {name!r}")
    offset, length = (int(number) for number in places[name].value)
    with database.open("rb") as file:
        file.seek(offset)
        block = file.read(length)
    return _Reader(_unpacked_block(block)).read()


def _unpacked_index(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else zlib.decompress(content)


def _unpacked_block(block: bytes) -> bytes:
    # Four bytes of length, then for bzip2 and xz a letter for which.
    kind = block[4:5]
    if kind == b"2":
        return bz2.decompress(block[5:])
    if kind == b"Z":
        return lzma.decompress(block[5:], format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])
    return zlib.decompress(block[4:])


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0
        self._references: list[Any] = []
        if self._take(2) != b"X\n":
            raise BadTable("only R's XDR serialisation is read")
        version = self._integer()
        self._take(8)
        if version == 3:
            self._take(self._integer())

    def read(self) -> Any:
        """The next object: None for R's NULL, a dictionary for a pair list, else an ``RObject`` or a string."""
        flags = self._integer()
        kind = flags & 0xFF
        if kind in _NOTHING:
            return None
        if kind == _REFERENCE:
            return self._references[(flags >> 8 or self._integer()) - 1]
        if kind in (_SYMBOL, _ENVIRONMENT):
            return self._back_reference(kind)
        if kind in (_PAIRLIST, _LANGUAGE, _ATTRIBUTES_PAIRLIST, _ATTRIBUTES_LANGUAGE):
            return self._pairlist(flags)
        return self._vector(kind, bool(flags & 0x200))

    def _back_reference(self, kind: int) -> Any:
        """A symbol or an environment: later parts of the stream refer back to it by number."""
        if kind == _SYMBOL:
            symbol = self.read()
            self._references.append(symbol)
            return symbol
        self._integer()
        self._references.append({})
        for _ in range(4):
            self.read()
        return {}

    def _pairlist(self, flags: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while True:
            kind = flags & 0xFF
            if kind == _NULL:
                return items
            if kind not in (_PAIRLIST, _LANGUAGE, _ATTRIBUTES_PAIRLIST, _ATTRIBUTES_LANGUAGE):
                raise BadTable(f"an R pair list goes on with type {kind}")
            if flags & 0x200:
                self.read()
            tag = self.read() if flags & 0x400 else f"item{len(items)}"
            items[str(tag)] = self.read()
            flags = self._integer()

    def _vector(self, kind: int, has_attributes: bool) -> Any:
        if kind == _CHARACTERS:
            length = self._integer()
            return None if length == -1 else self._take(length).decode("utf-8", "replace")
        value: Any
        if kind == _S4:
            value = None
        elif kind in (_LOGICAL, _INTEGER):
            count = self._integer()
            value = [None if number == _NA_INTEGER else number for number in self._numbers(count, "i", 4)]
        elif kind == _REAL:
            value = list(self._numbers(self._integer(), "d", 8))
        elif kind in (_STRINGS, _LIST):
            value = [self.read() for _ in range(self._integer())]
        else:
            raise BadTable(f"R type {kind} is not read")
        attributes = self.read() if has_attributes else {}
        return _Named(value, attributes or {})

    def _numbers(self, count: int, letter: str, size: int) -> tuple[Any, ...]:
        return struct.unpack(f">{count}{letter}", self._take(count * size))

    def _integer(self) -> int:
        number: int = struct.unpack(">i", self._take(4))[0]
        return number

    def _take(self, count: int) -> bytes:
        part = self._content[self._at : self._at + count]
        if len(part) != count:
            raise BadTable("the R data ends too early")
        self._at += count
        return part


class _Named(RObject):
    def value_names(self) -> list[str]:
        """The names of a list's items."""
        names = self.attributes.get("names")
        return [str(name) for name in names.value] if names is not None else []


def text_column(column: RObject) -> list[str]:
    """A column of a data frame as text; factors by their labels, missing values empty."""
    levels = column.attributes.get("levels")
    if levels is not None:
        return ["" if code is None else str(levels.value[code - 1]) for code in column.value]
    return [
        "" if cell is None or (isinstance(cell, float) and math.isnan(cell)) else _plain(cell) for cell in column.value
    ]


def _plain(cell: Any) -> str:
    return f"{cell:.10g}" if isinstance(cell, float) else str(cell)
