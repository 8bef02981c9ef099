"""Read YAML strictly, and write it so that YAML 1.1 and 1.2 read the same on every machine."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from .json_nodes import check_json
from .losses import SpecError

WIDTH = 4096  # characters: lines are never folded, so a changed word changes one line

# Every YAML version reads these as strings. Everything else is quoted: 204, on, 1e3, 0o17, 12:30, ~ and so on.
PLAIN = re.compile(r"[A-Za-z$/][A-Za-z0-9 $/._()-]*(?<! )")
YAML_KEYWORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def read_yaml(text: str, where: str) -> Any:
    """Return the content of a YAML document.

    Raises:
        SpecError: the text is not valid YAML, repeats a key, or contains a value that JSON does not have.
    """
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise SpecError(where, "", f"not valid YAML: {' '.join(str(error).split())}") from None
    check_json(value, where)
    return value


def write_yaml(document: Any) -> str:
    """Return a document as text: keys in their order, strings of several lines as blocks."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # declared as None by its authors
    yaml.width = WIDTH
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    """Choose the style of strings, and repeat equal values instead of using aliases."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent_text(self, data: str) -> ScalarNode:
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", data, style=_choose_style(data))
        return node

    def represent_number(self, data: float) -> ScalarNode:
        """Write every float with a dot: YAML 1.1 reads 1e+20 as a string."""
        whole, exponent, power = repr(data).partition("e")
        text = f"{whole}{'' if '.' in whole else '.0'}{exponent}{power}"
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:float", text)
        return node


_Representer.add_representer(str, _Representer.represent_text)
_Representer.add_representer(float, _Representer.represent_number)


def _choose_style(text: str) -> str | None:
    if PLAIN.fullmatch(text) and text.lower() not in YAML_KEYWORDS:
        return None
    lines = text.split("\n")
    block = len(lines) > 1 and all(line == line.strip(" ") and (line.isprintable() or not line) for line in lines)
    return "|" if block and lines[0] else '"'
