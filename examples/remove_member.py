"""Remove a member from a group.

    python examples/remove_member.py GROUP_ID ACCOUNT_ID

It reads site and credentials from the environment: CONFLUENCE_SITE, CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or the
other variables of `ConfluenceGroups.from_env`. The account must be a site admin.
"""

from __future__ import annotations

import argparse
import sys

from confluence_groups_sdk import ConfluenceGroups, ConfluenceGroupsError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group_id", metavar="GROUP_ID", help="the group's id")
    parser.add_argument("account_id", metavar="ACCOUNT_ID", help="the user's account id")
    options = parser.parse_args(arguments)
    try:
        with ConfluenceGroups.from_env() as groups:
            groups.remove_member(group_id=options.group_id, account_id=options.account_id)
    except (ConfluenceGroupsError, ValueError) as error:  # ValueError: an empty id
        print(error, file=sys.stderr)
        return 1
    print(f"{options.account_id} is not a member of {options.group_id} now")  # or never was
    return 0


if __name__ == "__main__":
    sys.exit(main())
