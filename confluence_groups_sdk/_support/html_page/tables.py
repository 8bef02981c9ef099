"""Tables of a page: columns, and rows that may be grouped under headings. Columns without any value are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias

from attrs import field, frozen

from ..text import escape_controls

Row: TypeAlias = Mapping[str, Any]
"""The values of a row by column name; a missing value, None, False and an empty text are an empty cell."""


@frozen
class Cell:
    """A value that is shown differently from how it sorts.

    Attributes:
        text: the text.
        sort: the value to sort by; None for the text.
        note: a second, smaller line.
        tone: ``good``, ``warn``, ``bad`` or empty.
    """

    text: str
    sort: str | float | None = None
    note: str = ""
    tone: str = ""


@frozen
class Column:
    """A column.

    Attributes:
        name: the key of its values in a row.
        title: its header.
        kind: ``text``; ``name``, which heads the row on a narrow screen; ``email``; ``id``, in a narrow font;
            ``number``; or ``badges``, one or more.
        tones: the tone of each badge, by text: ``good``, ``warn`` or ``bad``.
        is_kept: whether the column stays if no row has a value, for example because readers fill it in.
    """

    name: str
    title: str
    kind: str = "text"
    tones: Mapping[str, str] = field(factory=dict)
    is_kept: bool = False


@frozen
class RowGroup:
    """Rows, with or without a heading.

    Attributes:
        rows: the rows.
        title: the heading; empty for none.
        id: an id that follows the title; empty for none.
        summary: a text that follows the title and the id.
        badges: pairs of a text and a tone, shown after the title.
    """

    rows: Sequence[Row]
    title: str = ""
    id: str = ""
    summary: str = ""
    badges: Sequence[tuple[str, str]] = ()


@frozen
class Table:
    """A table for the macro ``table``; build it with `of`."""

    columns: tuple[Column, ...]
    groups: tuple[RowGroup, ...]

    @classmethod
    def of(cls, columns: Iterable[Column], groups: Iterable[RowGroup]) -> Self:
        """Build a table without the columns in which no row has a value, and without groups that have no rows."""
        filled = tuple(group for group in groups if group.rows)
        used: set[str] = set()
        for group in filled:
            for row in group.rows:
                used.update(name for name, value in row.items() if not _is_empty(value))
        return cls(tuple(each for each in columns if each.is_kept or each.name in used), filled)

    @property
    def size(self) -> int:
        """The number of rows."""
        return sum(len(group.rows) for group in self.groups)

    def render_rows(self, group: RowGroup) -> Any:
        """Render the rows of a group as HTML, which a template would do five times as slowly."""
        from markupsafe import Markup

        return Markup("\n".join(self._rows(group)))  # noqa: S704 - every value is escaped

    def _rows(self, group: RowGroup) -> Iterator[str]:
        for row in group.rows:
            yield f"<tr>{''.join(_render_cell(row.get(column.name), column) for column in self.columns)}</tr>"


class ColumnLabels:
    """The headers of a page's tables as style rules: on a narrow screen each cell follows its column's title."""

    def __init__(self) -> None:
        self._classes: dict[tuple[str, ...], str] = {}

    def class_of(self, table: Table) -> str:
        """Return the class of a table; tables with the same headers share it."""
        titles = tuple("" if column.kind == "name" else column.title for column in table.columns)
        return self._classes.setdefault(titles, f"columns-{len(self._classes) + 1}")

    def as_css(self) -> str:
        """Return the rules of all tables."""
        rules = [
            f'.{name} td:nth-child({number})::before{{content:"{_css_text(title)}"}}'
            for titles, name in self._classes.items()
            for number, title in enumerate(titles, 1)
            if title
        ]
        return "\n".join(["@media screen and (max-width:64rem){", *rules, "}"]) if rules else ""


def _css_text(text: str) -> str:
    r"""Escape a text for a string of CSS; ``\27 `` is an apostrophe (https://www.w3.org/TR/css-syntax-3/#escaping)."""
    return "".join(
        char if char.isascii() and (char.isalnum() or char == " ") else f"\\{ord(char):x} "
        for char in escape_controls(text)
    )


def _is_empty(value: object) -> bool:
    return value is None or value is False or value in ("", (), [])


def _render_cell(value: Any, column: Column) -> str:
    kind = "" if column.kind == "text" else f' class="{column.kind}"'
    if _is_empty(value):
        return f"<td{kind}></td>"
    if column.kind == "badges":
        texts = value if isinstance(value, list | tuple) else [value]
        badges = " ".join(_render_badge(each, column) for each in texts)
        return f"<td{kind}>{badges if len(texts) == 1 else f'<span>{badges}</span>'}</td>"
    if isinstance(value, Cell):
        tone = f"<span class={value.tone}>{_escape(value.text)}</span>" if value.tone else _escape(value.text)
        note = f" <small>{_escape(value.note)}</small>" if value.note else ""
        sort = "" if value.sort is None else f' data-sort="{_escape(value.sort)}"'
        return f"<td{kind}{sort}>{tone}{note}</td>"
    if isinstance(value, int | float) and value is not True:
        return f'<td{kind} data-sort="{value}">{value:,}</td>'
    return f"<td{kind}>{_escape(value)}</td>"


def _render_badge(value: Any, column: Column) -> str:
    text = value.text if isinstance(value, Cell) else str(value)
    tone = value.tone if isinstance(value, Cell) else column.tones.get(text, "")
    return f'<span class="badge {tone}">{_escape(text)}</span>'


def _escape(value: Any) -> str:
    from markupsafe import escape

    if hasattr(value, "__html__"):
        return str(escape(value))
    if isinstance(value, list | tuple):
        return ", ".join(_escape(each) for each in value)
    return str(escape(escape_controls("yes" if value is True else str(value))))
