"""Remove a member from a group on the sandbox, and show every documented error."""

from __future__ import annotations

import shlex
from textwrap import indent

from confluence_groups_sdk import APIStatusError, ApiToken, ConfluenceGroups, Group, User
from confluence_groups_sdk.sandbox import Credentials, Sandbox

STRANGER = Credentials("stranger@example.com", "a-token-that-nobody-made")


def main() -> None:
    with Sandbox() as sandbox:
        print(f"A Confluence sandbox listens on {sandbox.url}; nothing leaves this machine.\n")
        with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
            group = next(groups.search_groups(query="docs-editors"))
            _, leaver, *_ = print_members(groups, group)
            call = f'groups.remove_member(group_id="{group.id}", account_id="{leaver.account_id}")'
            print(f"\n{leaver.display_name} leaves:\n\n  {call}\n")
            groups.remove_member(group_id=group.id, account_id=leaver.account_id)
            removal = sandbox.requests[-1]
            print_members(groups, group)

        print("\nThe same with curl:\n")
        print(indent(curl(removal.target, sandbox.url), "  "))

        print("\nEvery documented error, as the client raises it:")
        show(sandbox, sandbox.admin, group_id="not\tan id", account_id=leaver.account_id)
        show(sandbox, STRANGER, group_id=group.id, account_id=leaver.account_id)
        show(sandbox, sandbox.reader, group_id=group.id, account_id=leaver.account_id)
        show(sandbox, sandbox.admin, group_id=group.id, account_id="nobody-has-this-id")


def print_members(groups: ConfluenceGroups, group: Group) -> list[User]:
    members = list(groups.iter_members(group_id=group.id))
    print(f"{group.name} has {len(members)} members:")
    for member in members:
        print(f"  {member.display_name:<20} {member.account_id}")
    return members


def show(sandbox: Sandbox, caller: Credentials, *, group_id: str, account_id: str) -> None:
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*caller)) as groups:
        try:
            groups.remove_member(group_id=group_id, account_id=account_id)
        except APIStatusError as error:
            print(f"\n  {type(error).__name__}\n{indent(str(error), '  ')}")


def curl(target: str, site: str) -> str:
    return f"curl -X DELETE \\\n  -H 'Authorization: Basic REDACTED' \\\n  {shlex.quote(site + target)}"
