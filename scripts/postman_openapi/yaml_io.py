"""Read YAML strictly, and write it so that YAML 1.1 and 1.2 read the same on every machine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.emitter import Emitter
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from yaml.nodes import MappingNode, ScalarNode

from .json_nodes import check_json
from .losses import SpecError

WIDTH = 2**31 - 1  # characters: lines are never folded, so a changed word changes one line
MAX_KEY_BYTES = 128  # a longer key gets a question mark and lines of its own
END = "...\n"  # of a document, which libyaml and PyYAML write in different cases, and no reader needs
LINE_BREAK = re.compile("[\n\r\x85\u2028\u2029]")
NOTE = "note: PyYAML was built without libyaml, so reading and writing YAML takes about ten times as long"

# Every YAML version reads these as strings. Everything else is quoted: 204, on, 1e3, 0o17, 12:30, ~ and so on.
PLAIN = re.compile(r"[A-Za-z$/][A-Za-z0-9 $/._()-]*(?<! )")
YAML_KEYWORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# No line of a block has characters that need an escape, or spaces at its end; the first one starts with neither.
UNESCAPED = "[ -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
BLOCK = re.compile(f"(?=[^ \n]){UNESCAPED}*(?<! )(?:\n{UNESCAPED}*(?<! ))+")

TAG = "tag:yaml.org,2002:"
CORE_SCHEMA = {  # of YAML 1.2, with the dates and merge keys of 1.1
    "null": (["~", "n", "N", ""], r"~|null|Null|NULL|"),
    "bool": ("tTfF", r"true|True|TRUE|false|False|FALSE"),
    "int": ("-+0123456789", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": ("-+.0123456789", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"),
    "timestamp": ("0123456789", r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt \t].*)?"),
    "merge": ("<", "<<"),
}


def read_yaml(text: str, where: str) -> Any:
    """Return the content of a YAML document, read as YAML 1.2.

    Raises:
        SpecError: the text is not valid YAML, repeats a key, or contains a value that JSON does not have.
    """
    try:
        value = yaml.load(text, Loader=_loader(yaml.CSafeLoader if has_libyaml() else yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpecError(where, "", f"not valid YAML: {' '.join(str(error).split())}") from None
    check_json(value, where)
    return value


def write_yaml(document: Any) -> str:
    """Return a document as text: keys in their order, strings of several lines as blocks, equal values repeated."""
    stand_ins = _stand_ins(document)
    dumper = yaml.CSafeDumper if has_libyaml() else _PureDumper
    # Events, because choosing a representation for each value takes ten times as long as writing it.
    text: str = yaml.emit(_document(document, stand_ins), Dumper=dumper, width=WIDTH, allow_unicode=True)
    text = text[: -len(END)] if text.endswith(f"\n{END}") else text
    return text.translate({substitute: char for char, substitute in stand_ins.items()}) if stand_ins else text


@cache
def has_libyaml() -> bool:
    """Check whether PyYAML has its C library, and say so once if it has not."""
    if not yaml.__with_libyaml__:
        print(NOTE, file=sys.stderr)
    return bool(yaml.__with_libyaml__)


# --- Reading


class _StrictConstructor(SafeConstructor):
    """Resolve plain scalars as YAML 1.2 does, and refuse repeated keys."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            if isinstance(key, ScalarNode) and (key.tag, key.value) in seen:
                raise ConstructorError(None, None, f"the key {key.value!r} occurs twice", key.start_mark)
            seen.add((key.tag, key.value) if isinstance(key, ScalarNode) else None)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: ScalarNode) -> int:
        """Return an integer: unlike in YAML 1.1, 012 is twelve."""
        text = str(self.construct_scalar(node))
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


@cache
def _loader(base: type) -> Any:
    """Return a loader that reads like the base, but strictly."""
    loader: Any = type("StrictLoader", (_StrictConstructor, base), {"yaml_implicit_resolvers": {}})
    for name, (starts, pattern) in CORE_SCHEMA.items():
        loader.add_implicit_resolver(f"{TAG}{name}", re.compile(rf"(?:{pattern})\Z"), starts)
    loader.add_constructor(f"{TAG}int", _StrictConstructor.construct_yaml_int)
    return loader


# --- Writing


class _PureDumper(yaml.SafeDumper):
    """Write the same bytes as libyaml."""

    def check_simple_key(self: Emitter) -> bool:
        event = self.event
        return isinstance(event, ScalarEvent) and _is_short(event.value)


def _is_short(key: str) -> bool:
    return len(key.encode()) <= MAX_KEY_BYTES and not LINE_BREAK.search(key)


def _stand_ins(document: Any) -> dict[int, int]:
    """Return an unused character for each one beyond U+FFFF, because libyaml can only write those as escapes."""
    used = set(json.dumps(document, ensure_ascii=False))
    unused = (code for code in range(0xE000, 0xF900) if chr(code) not in used)
    return dict(zip((ord(char) for char in sorted(used) if char > "\uffff"), unused, strict=False))


def _document(document: Any, stand_ins: dict[int, int]) -> Iterator[Event]:
    yield StreamStartEvent()
    yield DocumentStartEvent(explicit=False)
    yield from _Events(stand_ins).of(document)
    yield DocumentEndEvent(explicit=False)
    yield StreamEndEvent()


MAPPING, MAPPING_END = MappingStartEvent(None, None, implicit=True, flow_style=False), MappingEndEvent()
SEQUENCE, SEQUENCE_END = SequenceStartEvent(None, None, implicit=True, flow_style=False), SequenceEndEvent()


class _Events:
    """The events of values, with one event for all equal strings."""

    def __init__(self, stand_ins: dict[int, int]) -> None:
        self.stand_ins = stand_ins
        self.texts: dict[str, Event] = {}

    def of(self, document: Any) -> list[Event]:
        """Return the events of a value."""
        found: list[Event] = []
        self._add(document, found)
        return found

    def _add(self, value: Any, to: list[Event]) -> None:
        if isinstance(value, str):
            to.append(self._text(value))
        elif isinstance(value, dict):
            to.append(MAPPING)
            for name, inner in value.items():
                to.append(self._text(name))
                self._add(inner, to)
            to.append(MAPPING_END)
        elif isinstance(value, list | tuple):
            to.append(SEQUENCE)
            for inner in value:
                self._add(inner, to)
            to.append(SEQUENCE_END)
        else:
            to.append(ScalarEvent(None, None, (True, False), _number_text(value)))

    def _text(self, text: str) -> Event:
        if (event := self.texts.get(text)) is None:
            written = text if text.isascii() else text.translate(self.stand_ins)
            event = self.texts[text] = ScalarEvent(None, None, (True, True), written, style=_choose_style(text))
        return event


def _number_text(value: float | None) -> str:
    """Return a number, true, false or null; a float always with a dot, because YAML 1.1 reads 1e+20 as a string."""
    if not isinstance(value, float):
        return json.dumps(value)
    whole, exponent, power = repr(value).partition("e")
    return f"{whole}{'' if '.' in whole else '.0'}{exponent}{power}"


def _choose_style(text: str) -> str | None:
    if PLAIN.fullmatch(text) and text.lower() not in YAML_KEYWORDS:
        return None
    return "|" if BLOCK.fullmatch(text) else '"'
