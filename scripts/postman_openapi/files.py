"""Read files with clear errors, and replace them atomically."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from .losses import SpecError

MAX_INPUT_BYTES = 50 * 1024 * 1024


def read_text(path: Path, where: str, *, is_export: bool = False) -> str:
    """Return the text of a UTF-8 file.

    Args:
        path: the file.
        where: its name for errors.
        is_export: whether a tool outside wrote the file; then it may start with a byte order mark, also in UTF-16, as
            Windows PowerShell writes it. The mark is left out.

    Raises:
        SpecError: the file cannot be read, is in another encoding, or is larger than 50 MB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_INPUT_BYTES + 1)
        if len(content) > MAX_INPUT_BYTES:
            raise SpecError(where, "", f"larger than {MAX_INPUT_BYTES // 1024 // 1024} MB: export one folder of it")
        if is_export and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")
        if is_export:
            return content.decode("utf-8-sig")
        if content.startswith(codecs.BOM_UTF8):
            raise SpecError(where, "", "starts with a byte order mark: save it as UTF-8 without one")
        return content.decode("utf-8")
    except OSError as error:
        raise SpecError(where, "", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SpecError(where, "", f"not {error.encoding.upper()} at byte {error.start}") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the content of a file: readers see the old or the new content, never a part."""
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_path(path: Path) -> Path:
    """Return the file that receives the next content first; a kill can leave it behind."""
    return path.with_name(f".{path.name}.new")
