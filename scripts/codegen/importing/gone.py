"""Find the operations that an export no longer has."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def find_gone(
    tags: Mapping[str, str], imported: Collection[str], folders: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return the files of the operations that are gone, and notes about folders of which the export has only a part.

    An export covers a folder if it has at least half of the operations that are known in it. The missing ones are gone
    then. A smaller part, or a single item, says nothing about the others.

    Args:
        tags: the known files, with the tags of their operations.
        imported: the files that the export has, new ones too.
        folders: the names of the export's folders.
    """
    gone, notes = list[str](), list[str]()
    if len(imported) == 1:
        return gone, notes
    covered = {*folders, *(tags[name] for name in imported if name in tags)} & {*tags.values()} - {""}
    for tag in sorted(covered):
        known = [name for name in tags if tags[name] == tag]
        missing = [name for name in known if name not in imported]
        if 2 * len(missing) <= len(known):
            gone += missing
        else:
            has = f"the export has {len(known) - len(missing)} of the {len(known)} operations of {tag}"
            notes.append(f"{has}: it is taken as a part, so the others are not listed as gone")
    return gone, notes
