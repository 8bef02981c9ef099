"""Add the members of one group to another. Nobody is removed, and apps are left out.

    python examples/copy_members.py SOURCE_GROUP_ID TARGET_GROUP_ID

Who could not be added is named on standard error, the others are added nevertheless, and the exit code is 1. It may be
run again: whoever is in the target group by then is skipped.

Site and credentials come from the environment: CONFLUENCE_SITE, CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or whatever
else `ConfluenceGroups.from_env` reads. The account must be a site admin's.
"""

from __future__ import annotations

import argparse
import io
import sys

from confluence_groups_sdk import ConfluenceGroups, ConfluenceGroupsError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE_GROUP_ID", help="the group whose members are read")
    parser.add_argument("target", metavar="TARGET_GROUP_ID", help="the group that they are added to")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name may be more than a terminal can show
    try:
        with ConfluenceGroups.from_env() as groups:
            return 0 if copy(groups, options.source, options.target) else 1
    except (ConfluenceGroupsError, ValueError) as error:  # ValueError: an empty id
        print(error, file=sys.stderr)
        return 1


def copy(groups: ConfluenceGroups, source: str, target: str) -> bool:
    """Add who is missing; say whether all could be added.

    Raises:
        ConfluenceGroupsError: a list could not be read; nobody was added.
    """
    members = list(groups.iter_members(group_id=source))  # both lists first: a list shifts while its group changes
    present = {user.account_id for user in groups.iter_members(group_id=target)}
    complete = True
    for user in members:
        who = f"{user.account_id}  {user.display_name!r}"  # as repr: a name may hold anything, line ends for one
        if user.is_app:
            print(f"skipped  {who}: an app")
        elif user.account_id in present:
            print(f"skipped  {who}: a member already")
        else:
            try:
                groups.add_member(group_id=target, account_id=user.account_id)
                print(f"added    {who}")
            except ConfluenceGroupsError as error:
                complete = False
                print(f"failed   {who}: {error}", file=sys.stderr)
    return complete


if __name__ == "__main__":
    sys.exit(main())
