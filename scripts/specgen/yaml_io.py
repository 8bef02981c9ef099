"""YAML in and out: read strictly, written the same on every machine and understood alike by YAML 1.1 and 1.2."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from .nodes import check_json
from .problems import SpecError

WIDTH = 4096  # characters; a line is never folded, so that a changed word changes one line

# Text that no version of YAML takes for anything but text. All else is quoted: 204, on, 1e3, 0o17, 12:30, ~ and so on.
PLAIN = re.compile(r"[A-Za-z$/][A-Za-z0-9 $/._()-]*(?<! )")
WORDS_WITH_MEANING = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def read_yaml(text: str, where: str) -> Any:
    """Return the document.

    Raises:
        SpecError: it is no valid YAML, names a key twice, or says what JSON cannot.
    """
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise SpecError(where, "", f"no valid YAML: {' '.join(str(error).split())}") from None
    check_json(value, where)
    return value


def write_yaml(document: Any) -> str:
    """Return the document as text: keys in their order, texts of several lines as blocks."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # declared as None by its authors
    yaml.width = WIDTH
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    """Chooses the style of texts, and writes equal values out instead of pointing at each other."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent_text(self, data: str) -> ScalarNode:
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", data, style=_style(data))
        return node

    def represent_number(self, data: float) -> ScalarNode:
        """Write a dot always: YAML 1.1 takes 1e+20 for text."""
        whole, exponent, power = repr(data).partition("e")
        text = f"{whole}{'' if '.' in whole else '.0'}{exponent}{power}"
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:float", text)
        return node


_Representer.add_representer(str, _Representer.represent_text)
_Representer.add_representer(float, _Representer.represent_number)


def _style(text: str) -> str | None:
    if PLAIN.fullmatch(text) and text.lower() not in WORDS_WITH_MEANING:
        return None
    lines = text.split("\n")
    block = len(lines) > 1 and all(line == line.strip(" ") and (line.isprintable() or not line) for line in lines)
    return "|" if block and lines[0] else '"'
