"""Notes of a plan about what the server did not send."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..._support.text import format_count
from ..model.changes import Change
from .snapshot import GroupSnapshot


def describe_unidentified(groups: Collection[GroupSnapshot]) -> list[str]:
    """Describe how many members the server did not identify."""
    counts = [f"{group.unidentified} of {group.group.name}" for group in groups if group.unidentified]
    if not counts:
        return []
    number = format_count(sum(group.unidentified for group in groups), "member")
    return [f"unknown: the account ids of {number} ({', '.join(counts)}), which the server did not send; they stay"]


def describe_unknown_facts(groups: Mapping[str, GroupSnapshot], changes: Sequence[Change]) -> list[str]:
    """Describe the facts that the guards need and the server did not send."""
    notes = []
    names = {change.group_id: change.group_name for change in changes}
    if unmanaged := [name for group_id, name in names.items() if groups[group_id].group.managed_by is None]:
        notes.append(f"unknown: whether an identity provider manages {', '.join(unmanaged)}")
    if unread := [name for group_id, name in names.items() if groups[group_id].access is None]:
        notes.append(f"unknown: the access that {', '.join(unread)} give; they count as giving admin rights")
    if untyped := sum(change.account_type is None for change in changes):
        notes.append(f"unknown: whether {untyped} of the changed accounts are apps")
    return notes
