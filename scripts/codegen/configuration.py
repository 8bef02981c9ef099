"""Read the generator's configuration strictly: it ignores a key that it does not know."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from postman_openapi.losses import SpecError, raise_together
from postman_openapi.yaml_io import read_yaml

CONFIG = "generator-config.yaml"
OVERRIDES = "class_overrides"
KEYS = (
    *(OVERRIDES, "content_type_overrides", "project_name_override", "package_name_override"),
    *("package_version_override", "use_path_prefixes_for_title_model_names", "post_hooks", "docstrings_on_attributes"),
    *("field_prefix", "generate_all_tags", "http_timeout", "literal_enums"),
)
OVERRIDE_KEYS = ("class_name", "module_name")


def read_config(text: str) -> dict[str, Any]:
    """Return the configuration.

    Raises:
        SpecError: it is not an object of keys that the generator knows.
    """
    config = read_yaml(text, CONFIG)
    if not isinstance(config, dict):
        raise SpecError(CONFIG, "", "must be an object")
    _refuse_unknown_keys(config, KEYS, "")
    overrides = config.get(OVERRIDES) or {}
    if not isinstance(overrides, dict) or not all(isinstance(each, dict) for each in overrides.values()):
        raise SpecError(CONFIG, f"/{OVERRIDES}", "must be an object of objects")
    for name, override in overrides.items():
        _refuse_unknown_keys(override, OVERRIDE_KEYS, f"/{OVERRIDES}/{name}")
    return config


def _refuse_unknown_keys(found: Mapping[str, Any], known: Iterable[str], pointer: str) -> None:
    for key in found:
        if key not in known:
            raise SpecError(CONFIG, f"{pointer}/{key}", f"the generator has no such key{_hint(key, known)}")


def refuse_unused_overrides(config: Mapping[str, Any], tree: Mapping[str, bytes]) -> None:
    """Check that every override names a class that was generated.

    Raises:
        SpecError: one does not: its key is no class, or no longer one.
        ExceptionGroup: several do not.
    """
    models = {path: content for path, content in tree.items() if path.startswith("models/")}
    classes = {
        node.name for content in models.values() for node in ast.parse(content).body if isinstance(node, ast.ClassDef)
    }
    errors = []
    for key, override in (config.get(OVERRIDES) or {}).items():
        wanted = override.get("class_name", key)
        if wanted not in classes or key in classes - {wanted}:
            problem = f"it renames no class to {wanted}: no class is generated as {key}{_hint(key, classes)}"
            errors.append(SpecError(CONFIG, f"/{OVERRIDES}/{key}", f"{problem}; correct the key, or remove it"))
    raise_together(errors)


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, [*known], 1)
    return f"; {close[0]} is similar" if close else ""
