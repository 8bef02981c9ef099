"""Take a snapshot of who has access, print what changed since the last one, and fail if somebody became an admin.

    python examples/nightly_access_diff.py FOLDER

Run it each night. The snapshots are in FOLDER, one for each day (UTC), and only you can read them. If a run was
interrupted, the next one on the same day continues. A new admin is reported once, by the night in which they appear.

Exit codes: 0 if nobody became an admin, 5 if somebody did, 1 if something failed or could not be compared.

It needs confluence-groups-sdk[files]. It reads site and credentials from the environment: CONFLUENCE_SITE,
CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or the other variables of `ConfluenceGroups.from_env`.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from confluence_groups_sdk import ConfluenceGroups, ConfluenceGroupsError
from confluence_groups_sdk.review import DifferenceKind, Snapshot, SnapshotDiff, diff, difference_lines, take_snapshot

ADMIN_ACCESS = {"admin", "site-admin"}
NEW_ADMIN = 5


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder of the snapshots")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not be able to show a name
    try:
        today = options.folder / f"{datetime.now(UTC):%Y-%m-%d}.snapshot"
        earlier = [path for path in sorted(options.folder.glob("*.snapshot")) if path.name < today.name]
        after = load_or_take(today)
        if not earlier:
            print(f"{today} is the first snapshot: there is nothing to compare it with")
            return 0 if after.is_complete else 1
        return report(diff(Snapshot.load(earlier[-1]), after))
    except (ConfluenceGroupsError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def load_or_take(path: Path) -> Snapshot:
    """Return the snapshot in a file; if there is none, take one, and save it."""
    if path.exists():
        return Snapshot.load(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    progress = path.with_suffix(".progress")
    with ConfluenceGroups.from_env() as groups:
        snapshot = take_snapshot(groups, resume=progress)
    snapshot.save(path)
    progress.unlink(missing_ok=True)
    return snapshot


def report(found: SnapshotDiff) -> int:
    """Print the differences, and return the exit code."""
    print("\n".join(difference_lines(found)))
    admins = list(new_admins(found))
    print("\n".join(admins), file=sys.stderr, end="\n" if admins else "")
    if admins:
        return NEW_ADMIN
    return 0 if found.is_complete else 1


def new_admins(found: SnapshotDiff) -> Iterator[str]:
    """Yield a line for each person who has admin rights through a group now, and had not before."""
    for each in found.of(DifferenceKind.GAINED_ACCESS):
        for access in sorted(ADMIN_ACCESS.intersection(each.access or ())):
            yield f"new {access}: {each.name!r} ({each.account_id})"  # as repr, because a name may contain line breaks


if __name__ == "__main__":
    sys.exit(main())
