"""Add the members of one group to another group. Remove nobody, and skip apps.

    python examples/copy_members.py SOURCE_GROUP_ID TARGET_GROUP_ID

If a user cannot be added, the program says so on standard error, adds the others, and exits with code 1. You can run it
again: it skips users who are in the target group by then.

It reads site and credentials from the environment: CONFLUENCE_SITE, CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or the
other variables of `ConfluenceGroups.from_env`. The account must be a site admin.
"""

from __future__ import annotations

import argparse
import io
import sys

from confluence_groups_sdk import ConfluenceGroups, ConfluenceGroupsError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE_GROUP_ID", help="the group to read members from")
    parser.add_argument("target", metavar="TARGET_GROUP_ID", help="the group to add them to")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not be able to show a name
    try:
        with ConfluenceGroups.from_env() as groups:
            return 0 if copy(groups, options.source, options.target) else 1
    except (ConfluenceGroupsError, ValueError) as error:  # ValueError: an empty id
        print(error, file=sys.stderr)
        return 1


def copy(groups: ConfluenceGroups, source: str, target: str) -> bool:
    """Add the missing users; return whether all could be added.

    Raises:
        ConfluenceGroupsError: a list could not be read; nobody was added.
    """
    members = list(groups.iter_members(group_id=source))  # both lists first, because changes shift the pages
    present = {user.account_id for user in groups.iter_members(group_id=target)}
    complete = True
    for user in members:
        who = f"{user.account_id}  {user.display_name!r}"  # as repr, because a name may contain line breaks
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
