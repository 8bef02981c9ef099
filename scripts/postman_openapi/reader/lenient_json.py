"""Read JSON as people write it in examples: with comments, variables, placeholders and mistakes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attrs import evolve

from ..json_nodes import MAX_DEPTH, Node, check_json, parse_json
from ..losses import Loss, SpecError
from ..schema_inference import Unknown, placeholder_schema

READ_AS_FAR = "read as far as possible"
# An unterminated string, comment or placeholder is also one token: otherwise every position inside starts a search.
TOKEN = re.compile(
    r'(?P<string>"(?:\\.|[^"\\])*(?:"|\\?\Z))'
    r"|(?P<single>'(?:\\.|[^'\\\n])*')"
    r"|(?P<space>\s+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<open>/\*.*)"
    r'|(?P<variable>\{\{[^{}"\n]+\}\})'
    r"|(?P<placeholder><[^<>\n{}\[\]\",]*>)"
    r"|(?P<mark>[{}\[\],:])"
    r"|(?P<word>(?:[^\s{}\[\],:\"'<]|(?<=\w)')+|.)",
    re.DOTALL,
)
WORDS: dict[str, Any] = {"True": True, "False": False, "None": None, "undefined": None}
TYPE_WORDS = ("string", "integer", "number", "boolean", "float", "double", "long", "object", "array")
LONG_NUMBER = re.compile(r"-?[0-9]{4000,}")
END = ("end", "")


def read_lenient_json(node: Node, resolve: Callable[[str], Any], losses: list[Loss]) -> Node:
    """Return the JSON in a string; positions inside continue that of the string.

    Args:
        node: the string.
        resolve: returns the value of an unquoted ``{{variable}}``.
        losses: receives a loss if the text has mistakes; comments, variables and line ends are none.

    Raises:
        SpecError: it is not JSON, and no object or list can be made out.
    """
    text = node.text()
    try:
        return evolve(parse_json(text, node.where), pointer=node.pointer)
    except SpecError as error:
        strict = error
    reader = _Reader(text, resolve)
    value = reader.read()
    if not isinstance(value, dict | list):
        raise SpecError(node.where, node.pointer + strict.pointer, strict.problem)
    try:
        check_json(value, node.where)
    except SpecError as error:
        raise SpecError(node.where, node.pointer + error.pointer, error.problem) from None
    if reader.problems:
        why = f"not valid JSON ({reader.problems[0]}); {READ_AS_FAR}"
        losses.append(node.loss("the content of a body", why, understood=False))
    return evolve(node, value=value)


class _TooDeepError(Exception):
    """Nested more deeply than any export."""


class _Reader:
    """Reads a text once from its start to its end; `problems` names every mistake on the way."""

    def __init__(self, text: str, resolve: Callable[[str], Any]) -> None:
        found = ((match.lastgroup or "", match[0]) for match in TOKEN.finditer(text))
        self.tokens = [(kind, token) for kind, token in found if kind != "space"]
        self.at = 0
        self.resolve = resolve
        self.problems: list[str] = []

    def read(self) -> Any:
        if self._peek()[1] not in ("{", "["):
            return None
        try:
            value = self._value(1)
        except _TooDeepError:
            return None
        if self._peek() != END:
            self.problems.append(f"{self._peek()[1][:20]!r} after the end")
        return value

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else END

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self.at += 1
        return token

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _TooDeepError
        if self._peek()[1] == "{":
            return self._object(depth)
        if self._peek()[1] == "[":
            return self._list(depth)
        return self._scalar()

    def _object(self, depth: int) -> dict[str, Any]:
        self._next()
        members: dict[str, Any] = {}
        while not self._closed("}"):
            if self._peek()[0] == "mark" or self._peek(1)[1] != ":":
                self._skip(depth)
                continue
            key = self._key()
            self._next()
            if self._peek()[1] in (",", "}", "]", ""):
                self.problems.append(f"{key!r} has no value")
                value: Any = Unknown()  # the mistake is all there is to report
            else:
                value = self._value(depth + 1)
            if key in members:
                self.problems.append(f"the key {key!r} occurs twice in one object")
            members[key] = value
            self._separator("}")
        return members

    def _list(self, depth: int) -> list[Any]:
        self._next()
        entries = []
        while not self._closed("]"):
            if self._peek()[0] == "word" and not self._peek()[1].strip(".…"):
                self._skip(depth)
                continue
            if self._peek()[1] in (",", ":"):
                self._skip(depth)
                continue
            entries.append(self._value(depth + 1))
            self._separator("]")
        return entries

    def _closed(self, mark: str) -> bool:
        """Check for the end of an object or list; a missing or wrong mark is a mistake."""
        token = self._peek()
        if token[1] in ("}", "]") and token[0] == "mark":
            if token[1] != mark:
                self.problems.append(f"{token[1]!r} instead of {mark!r}")
                return True  # the mark belongs to something outside
            self._next()
            return True
        if token == END:
            self.problems.append(f"{mark!r} is missing")
            return True
        return False

    def _separator(self, mark: str) -> None:
        """Read the comma after an entry; one too many or too few is a mistake."""
        if self._peek()[1] == ",":
            self._next()
            if self._peek()[1] == mark:
                self.problems.append("a comma before the end")
        elif self._peek()[1] not in ("}", "]", ""):
            self.problems.append(f"a comma is missing before {self._peek()[1][:20]!r}")

    def _skip(self, depth: int) -> None:
        """Leave out a token, or the object or list that starts there."""
        token = self._peek()
        if token[0] == "mark" and token[1] in "{[":
            self._value(depth + 1)
        else:
            self._next()
        self.problems.append(f"{token[1][:20]!r} is unexpected")

    def _key(self) -> str:
        kind, token = self._next()
        if kind in ("string", "single"):
            return self._string(kind, token)
        if kind not in ("variable", "placeholder"):
            self.problems.append(f"the key {token[:20]!r} has no quotes")
        return token

    def _scalar(self) -> Any:
        kind, token = self._next()
        if kind in ("string", "single"):
            return self._string(kind, token)
        if kind == "variable":
            return self.resolve(token[2:-2].strip())
        if kind == "placeholder":
            return token if placeholder_schema(token) else self._unknown(token)
        words = [token]
        while self._peek()[0] == "word" or (self._peek()[0] == "placeholder" and self._peek(1)[1] != ":"):
            if self._peek(1)[1] == ":":
                break  # the next key
            words.append(self._next()[1])
        return self._word(" ".join(words))

    def _word(self, text: str) -> Any:
        value: Any = ""
        with suppress(ValueError, RecursionError):
            value = json.loads(text)
        if isinstance(value, float) and not math.isfinite(value):
            self.problems.append(f"{text} is not a JSON number")
            return "<number>"
        if not isinstance(value, str):
            return value
        if LONG_NUMBER.fullmatch(text):
            self.problems.append("a number with more than 4000 digits")
            return "<number>"
        self.problems.append(f"{text[:20]!r} has no quotes")
        if text in WORDS:
            return WORDS[text]
        return f"<{text}>" if text in TYPE_WORDS else text

    def _unknown(self, token: str) -> Unknown:
        self.problems.append(f"{token[:20]!r} has no quotes")
        return Unknown(token)

    def _string(self, kind: str, token: str) -> str:
        if kind == "single":
            self.problems.append("a text in single quotes")
            token = '"' + token[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
        elif len(token) < 2 or not token.endswith('"'):
            self.problems.append("a text without its end")
            return ""
        try:
            return str(json.loads(token, strict=False))
        except ValueError:
            self.problems.append(f"{token[:20]!r} is not a valid text")
            return token[1:-1]
