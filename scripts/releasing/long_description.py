"""The long description of the distributions, and the project's addresses: a step of the build, run by hatchling.

Index pages have no files beside them, so each relative link and image of README.md becomes an address in the
repository, at the tag of the release. The repository's address is in one place, pyproject.toml, in the table
``tool.hatch.metadata.hooks.custom``. Without it, the build leaves the links as they are and names no addresses, and
release_check.py refuses a release.

hatchling loads this file by its path, so that it imports nothing of this folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hatchling.metadata.plugin.interface import MetadataHookInterface

README = "README.md"
KEY = "repository"
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.DOTALL | re.MULTILINE)  # in which nothing is a link
_LINK = re.compile(r"""(!?)\[((?:[^\[\]]|\[[^\[\]]*\]\([^()\s]*\))*)\]\(([^()\s]+)\)""")  # its text may be an image
_ATTRIBUTE = re.compile(r"""\b(src|srcset|href)=(["'])([^"']+)\2""")
_EXTERNAL = re.compile(r"[a-z][a-z+.-]*:|//|#", re.IGNORECASE)


class LongDescription(MetadataHookInterface):
    """Sets the fields ``readme`` and ``urls``."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the fields.

        Raises:
            ValueError: the repository's address is no https address.
        """
        repository = checked_address(self.config.get(KEY, ""))
        text = Path(self.root, README).read_text(encoding="utf-8")
        tag = f"v{metadata['version']}"
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, repository, tag) if repository else text,
        }
        if repository:
            metadata["urls"] = project_urls(repository, tag)
        elif "urls" in metadata.get("dynamic", []):
            metadata["urls"] = {}


def checked_address(repository: str) -> str:
    """Return the repository's address without a slash at its end; empty if it is not known.

    Raises:
        ValueError: it is no https address.
    """
    parts = urlsplit(repository)
    if repository and (parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment):
        raise ValueError(f"pyproject.toml: {KEY}: give an address such as https://github.com/OWNER/NAME")
    return repository.rstrip("/")


def project_urls(repository: str, tag: str) -> dict[str, str]:
    """Return the project's addresses, under the names that an index knows."""
    return {
        "Source": repository,
        "Documentation": f"{repository}/tree/{tag}/docs",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


def with_absolute_links(text: str, repository: str, tag: str) -> str:
    """Return a page of the top folder with addresses instead of relative links; code is unchanged.

    Args:
        text: the page, in Markdown.
        repository: the repository's address.
        tag: the tag of the release.
    """

    def absolute(target: str, *, image: bool) -> str:
        if _EXTERNAL.match(target):
            return target
        return f"{repository}/{'raw' if image else 'blob'}/{tag}/{target.removeprefix('./')}"

    def link(found: re.Match[str]) -> str:
        mark, inner, target = found.groups()
        return f"{mark}[{_LINK.sub(link, inner)}]({absolute(target, image=bool(mark))})"

    def attribute(found: re.Match[str]) -> str:
        name, quote, target = found.groups()
        return f"{name}={quote}{absolute(target, image=name != 'href')}{quote}"

    parts = _CODE.split(text)  # text and code alternate
    parts[::2] = [_ATTRIBUTE.sub(attribute, _LINK.sub(link, each)) for each in parts[::2]]
    return "".join(parts)


def relative_links(text: str) -> Iterator[str]:
    """Yield the relative links and images of a page."""
    for part in _CODE.split(text)[::2]:
        for found in _LINK.finditer(part):
            yield from relative_links(found[2])
            if not _EXTERNAL.match(found[3]):
                yield found[3]
        yield from (found[3] for found in _ATTRIBUTE.finditer(part) if not _EXTERNAL.match(found[3]))
