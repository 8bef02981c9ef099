"""Ignore the fields that Postman keeps for itself: they say nothing about the API."""

from __future__ import annotations

from collections.abc import Collection

from ..json_nodes import Node
from ..losses import Kind, Loss

BOOKKEEPING = frozenset(
    {
        *("id", "_id", "uid", "uuid", "_postman_id", "_postman_isSubFolder", "_exporter_id", "_collection_link"),
        *("createdAt", "updatedAt", "lastUpdatedBy", "createdBy", "updatedBy", "lastRevision", "owner", "fork"),
        *("strict", "equals", "warning", "protocolProfileBehavior"),
    }
)
PREFIX = "_postman_"
LANGUAGE = "_postman_previewlanguage"  # of a body: this one counts


def is_bookkeeping(name: str) -> bool:
    """Check whether a field is Postman's own bookkeeping."""
    return name in BOOKKEEPING or (name.startswith(PREFIX) and name != LANGUAGE)


def known_fields(node: Node, known: Collection[str], losses: list[Loss]) -> dict[str, Node]:
    """Return the known members of an object that are not null; record every other one that is no bookkeeping.

    Raises:
        SpecError: the value is not an object.
    """
    return node.fields(known, losses, ignored=is_bookkeeping)


def report_unknown_fields_once(losses: list[Loss]) -> list[Loss]:
    """Return the losses with only the first of those that name the same unknown field."""
    seen: set[str] = set()
    kept = []
    for loss in losses:
        if loss.kind is Kind.UNKNOWN_FIELD:
            if loss.what in seen:
                continue
            seen.add(loss.what)
        kept.append(loss)
    return kept
