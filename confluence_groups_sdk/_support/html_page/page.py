"""Rendering of a page: a template that extends ``base.html.j2``, with style and script inside the one file.

The content security policy of a page allows its own style and script by their hashes, and nothing else
(https://www.w3.org/TR/CSP3/#grammardef-hash-source).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ..._version import __version__
from ..libraries.extras import missing_extra
from ..text import escape_controls
from .tables import ColumnLabels

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from jinja2 import Environment

FOLDER = __package__ or __name__
SHARED = ("base.html.j2", "macros.html.j2")
STYLE_MARK, POLICY_MARK = "\0style\0", "\0policy\0"  # no value can contain them: control characters become escapes


@frozen
class Card:
    """A total at the top of a page.

    Attributes:
        number: the number, or a short text.
        label: the meaning of the number.
        tone: ``good``, ``warn``, ``bad`` or empty.
        target: the id of the section that the card links to; empty without a link.
    """

    number: int | str
    label: str
    tone: str = ""
    target: str = ""


def render_page(
    template: str,
    *,
    title: str,
    folder: str | Traversable,
    extra: str,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    **values: Any,
) -> str:
    """Render a complete HTML document.

    Values are escaped twice: control characters become visible escapes, then HTML is escaped. Only `markupsafe.Markup`
    stays as it is. A name that is missing in the values is an error.

    Args:
        template: the file name of a template in the folder; it extends ``base.html.j2``.
        title: the title of the window, and the page's heading.
        folder: the package with the caller's templates, styles and scripts, or a folder.
        extra: the extra that installs jinja2 for the caller, such as ``cli``.
        styles: file names in the folder, to follow the shared style.
        scripts: file names in the folder, to follow the shared script.
        values: what the template uses.

    Raises:
        ConfigurationError: jinja2 is not installed.
    """
    labels = ColumnLabels()
    environment = _build_environment(folder, extra)
    script = "\n".join([_read(FOLDER, "page.js"), *(_read(folder, name) for name in scripts)])
    environment.globals.update(labels=labels, version=__version__)
    page = environment.get_template(template).render(
        title=title, style=_markup(STYLE_MARK), policy=_markup(POLICY_MARK), script=_markup(script), **values
    )
    style = "\n".join([_read(FOLDER, "page.css"), *(_read(folder, name) for name in styles), labels.as_css()])
    return page.replace(POLICY_MARK, _content_security_policy(style, script), 1).replace(STYLE_MARK, style, 1)


def _build_environment(folder: str | Traversable, extra: str) -> Environment:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ModuleNotFoundError:
        raise missing_extra(extra, "HTML pages need jinja2") from None

    return Environment(
        loader=FunctionLoader(lambda name: _read(FOLDER if name in SHARED else folder, name)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _read(folder: str | Traversable, name: str) -> str:
    from importlib import resources  # loads zipfile; works from a zip archive and in a renamed copy

    place = resources.files(folder) if isinstance(folder, str) else folder
    return place.joinpath(name).read_text(encoding="utf-8")


def _markup(source: str) -> Any:
    from markupsafe import Markup

    return Markup(source)  # noqa: S704 - our own files


def _finalize(value: Any) -> Any:
    """Show control characters of a value as escapes, before Jinja escapes its HTML; show None as nothing."""
    if hasattr(value, "__html__"):
        return value
    return "" if value is None else escape_controls(str(value))


def _content_security_policy(style: str, script: str) -> str:
    """Build the policy that allows this page's own script and style, and nothing else."""
    allowed = f"script-src '{_hash_source(script)}'; style-src '{_hash_source(style)}'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _hash_source(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
