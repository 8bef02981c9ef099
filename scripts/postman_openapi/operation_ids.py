"""Name operations after their requests."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from .model import Request

MAX_LENGTH = 80  # characters; generators name files after operations
APOSTROPHE = re.compile(r"(?<=[A-Za-z])['\u2019](?=[A-Za-z])")
ACCENTS = dict.fromkeys(range(0x300, 0x370))  # combining marks, which NFKD separates from their letters
WORD = re.compile("[A-Za-z0-9]+")
LEADING_CAPITALS = re.compile(r"[A-Z]+(?=s?\Z)|[A-Z]+(?![a-z])|[A-Z]")
CAPITALS = re.compile(r"[A-Z0-9]{2,}s?")
# What separates the name of a request from the name of one of its examples: "Create order - by card"
EXAMPLE_NAME = re.compile(r"\s+[-|/]\s+|\s*[:([#\u2013\u2014]\s*")


def operation_ids(requests: Iterable[Request]) -> list[str]:
    """Return one operationId per request, unique even if case is ignored, in any order of the requests.

    An operation is named after its item. If several items share a name, or the name has no letters, the method and
    path become part of it.
    """
    requests = list(requests)
    names = [operation_id(request.name) for request in requests]
    times = Counter(name.lower() for name in names)
    unique = [
        name
        if name and times[name.lower()] == 1
        else operation_id(f"{request.name} {request.method.lower()} {request.path}")
        for name, request in zip(names, requests, strict=True)
    ]
    taken: set[str] = set()
    for index, name in enumerate(unique):
        base, number = name or "operation", 1
        while unique[index].lower() in taken or not unique[index]:
            unique[index], number = f"{base[: MAX_LENGTH - len(str(number))]}{number}", number + 1
        taken.add(unique[index].lower())
    return unique


def operation_id(name: str) -> str:
    """Return a name in camel case, of at most 80 characters, or an empty string if it has no letters.

    A word in capitals loses them: ``GET transfers`` is ``getTransfers``. A letter loses its accent. A long name ends
    with a whole word.
    """
    plain_letters = unicodedata.normalize("NFKD", name).translate(ACCENTS)
    words = WORD.findall(APOSTROPHE.sub("", plain_letters))
    if not any(re.search("[A-Za-z]", word) for word in words):
        return ""
    written = ""
    for word in words:
        plain = word.lower() if CAPITALS.fullmatch(word) else word
        if not written:
            start = (
                LEADING_CAPITALS.sub(lambda found: found[0].lower(), plain, count=1) if plain[0].isupper() else plain
            )
            plain = start if start[0].isalpha() else f"operation{start}"
        else:
            plain = plain[0].upper() + plain[1:]
        if written and len(written) + len(plain) > MAX_LENGTH:
            break
        written += plain
    return written[:MAX_LENGTH]


def common_name(names: Sequence[str]) -> str:
    """Return the name of a request whose examples have these names, or the first name.

    They have a name in common if it ends before a dash, a colon or a bracket, or if one of them is the start of all.
    """
    shortest = min(names, key=len)
    starts = {EXAMPLE_NAME.split(name.strip(), maxsplit=1)[0].strip() for name in names}
    start = starts.pop()
    if not starts and re.search("[A-Za-z]", start):
        return start
    if shortest and all(name == shortest or name.startswith(f"{shortest} ") for name in names):
        return shortest
    return names[0]
