"""Text for what a new list lacks: its pages, its paginator, its method and its handler in the sandbox."""

from __future__ import annotations

from textwrap import indent

from codegen.adding.facts import READERS, Facts
from codegen.fragment.gaps import DECIDE

ENTRIES = {"GroupPage": "Group", "UserPage": "User"}
PEOPLE_OR_GROUPS = {"Group": ("Group", "self._group"), "User": ("Person", "lambda person: self._user(person, [])")}
TOTAL = "shouldReturnTotalSize"


def entry(facts: Facts) -> str:
    """Return the type of a list's entries."""
    return ENTRIES.get(facts.answer or "", "Any")


def page_function(facts: Facts, given: list[str], scopes: str, ids: str) -> str:
    """Return the function that builds the call for one page.

    Args:
        facts: the list.
        given: the arguments of the generated request, as code.
        scopes: the scopes, as code.
        ids: the ids among the arguments, as code; empty if there are none.
    """
    signature = ", ".join([*(f"{name}: str" for name in facts.arguments), "start: int", "limit: int"])
    reader = READERS.get(facts.answer or "", f"{DECIDE} a reader")
    same = ", ".join([facts.builder, *facts.arguments, "start"])
    return (
        f"def {facts.builder}({signature}) -> Call[Page[{entry(facts)}]]:\n"
        f'    """{DECIDE} one sentence."""\n'
        f"    from ..._generated.api.{facts.folder} import {facts.module} as operation\n\n"
        f"    request = operation._get_kwargs({', '.join([*given, 'start=start', 'limit=limit'])})\n"
        f"    read = partial(deserialization.{reader}, requested_limit=limit)\n"
        f'    call = _read_call("{facts.name}", request, read, {scopes}{f", ids={ids}" if ids else ""})\n'
        f"    return _as_page_call(call, limit, partial({same}))\n\n\n"
    )


def paginator(facts: Facts) -> str:
    """Return the function that builds the paginator."""
    signature = "".join(f"{name}: str, " for name in facts.arguments)
    pages = ", ".join([f"operations.{facts.builder}", *facts.arguments])
    pages = f"partial({pages})" if facts.arguments else pages
    key = {"Group": "_id_of_group", "User": "_id_of_user"}.get(entry(facts), f"{DECIDE} the entry's id")
    first = ", ".join([*facts.arguments, "0", "size"])
    return (
        f"def {facts.topic}(\n"
        f"    {signature}page_size: int, max_items: int = DEFAULT_MAX_ITEMS\n"
        f") -> Paginator[{entry(facts)}]:\n"
        f'    """Return the paginator of {DECIDE} the entries; {DECIDE} does an empty list need a check."""\n'
        f"    size = _checked_size(page_size)\n"
        f"    operations.{facts.builder}({first})\n"
        f"    return Paginator({pages}, {key}, size, max_items=max_items)\n\n\n"
    )


def iterator(facts: Facts, errors: list[str]) -> str:
    """Return the method of the client.

    Args:
        facts: the list.
        errors: the lines of the docstring for the documented statuses.
    """
    signature = "".join(f"{name}: str, " for name in facts.arguments)
    sent = ", ".join([*facts.arguments, "page_size", "self._max_list_items"])
    lines = [f"def {facts.method}(self, *, {signature}page_size: int = 200) -> AsyncGenerator[{entry(facts)}, None]:"]
    lines += [f'    """Iterate over {DECIDE} the entries ({facts.name}), each once, page by page.', "", "    Args:"]
    lines += [f"        {name}: {DECIDE} a text." for name in facts.arguments]
    lines += ["        page_size: entries per call, 1 to 200.", "", "    Raises:"]
    lines += ["        ValueError: an argument is empty, or the page size is outside 1 to 200; nothing was sent."]
    lines += [*errors, "        IncompleteReadError: as for `iter_members`."]
    lines += ["        APIError: as for every call.", '    """']
    lines += [f"    return self._session.items(pagination.{facts.topic}({sent}))"]
    return indent("\n".join(lines), "    ") + "\n\n"


def first_call(facts: Facts) -> str:
    """Return the row for `prepare`."""
    names = ", ".join([*facts.arguments, "page_size=MAX_PAGE_SIZE"])
    given = ", ".join([*facts.arguments, "page_size"])
    return f'    "{facts.method}": lambda *, {names}: pagination.{facts.topic}({given}).next_call(),\n'


def page_answer(facts: Facts) -> list[str]:
    """Return the last lines of the sandbox's handler."""
    kind, render = PEOPLE_OR_GROUPS.get(entry(facts), ("Any", f"{DECIDE} how an entry is shown"))
    path = facts.operation.path.removeprefix("/api")
    for name in facts.in_path:
        path = path.replace(f"{{{name}}}", f"{{quote({_argument(facts, name)}, safe='')}}")
    total = "" if any(each["name"] == TOTAL for each in facts.operation.parameters) else ", has_total=False"
    return [
        f"    found: list[{kind}] = []  # {DECIDE} the entries",
        f'    return self._page(request, {"f" if facts.in_path else ""}"{path}", found, {render}{total})',
    ]


def _argument(facts: Facts, name: str) -> str:
    return facts.arguments[facts.in_path.index(name)]
