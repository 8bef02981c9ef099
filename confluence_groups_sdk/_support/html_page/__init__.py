"""HTML pages for people who approve, review and audit: one file each, readable without script, printable, offline.

Pages need jinja2, which only extras install; it loads when the first page is rendered.
"""

from __future__ import annotations

from .page import Card, render_page
from .tables import Cell, Column, RowGroup, Table

__all__ = ["Card", "Cell", "Column", "RowGroup", "Table", "render_page"]
