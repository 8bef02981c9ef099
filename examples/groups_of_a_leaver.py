"""Print the groups of a person who leaves, one line each: the id, the name, and whether it is managed elsewhere.

    python examples/groups_of_a_leaver.py ACCOUNT_ID

It reads site and credentials from the environment: CONFLUENCE_SITE, CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or the
other variables of `ConfluenceGroups.from_env`.
"""

from __future__ import annotations

import argparse
import io
import sys

from confluence_groups_sdk import ConfluenceGroups, ConfluenceGroupsError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("account_id", metavar="ACCOUNT_ID", help="the account of the leaver")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not be able to show a name
    try:
        with ConfluenceGroups.from_env() as groups:
            print_groups(groups, options.account_id)
    except (ConfluenceGroupsError, ValueError) as error:  # ValueError: an empty id
        print(error, file=sys.stderr)
        return 1
    return 0


def print_groups(groups: ConfluenceGroups, account_id: str) -> None:
    """Print a line for each group.

    Raises:
        ConfluenceGroupsError: the list could not be read to its end, or there is no such account.
    """
    found = False
    for group in groups.iter_memberships(account_id=account_id):
        found = True
        note = "  (managed externally: remove at the identity provider)" if group.is_externally_managed else ""
        print(f"{group.id}  {group.name!r}{note}")  # as repr, because a name may contain line breaks
    if not found:
        groups.get_user(account_id=account_id)  # an unknown account has no groups either: this call tells
        print(f"{account_id} is in no group")


if __name__ == "__main__":
    sys.exit(main())
