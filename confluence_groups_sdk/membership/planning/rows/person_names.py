"""Compare the names of people as rows and accounts give them."""

from __future__ import annotations

import re
import unicodedata

FOLDED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"})
APOSTROPHES = re.compile(r"['`\u2018\u2019\u00b4\u02bc]")


def is_same_name(one: str, other: str) -> bool:
    """Compare names without regard to case, accents, punctuation, and the order of their parts."""
    return _name_parts(one) == _name_parts(other)


def _name_parts(name: str) -> list[str]:
    plain = APOSTROPHES.sub("", name.casefold()).translate(FOLDED)
    decomposed = unicodedata.normalize("NFKD", plain)
    return sorted(re.findall(r"\w+", "".join(each for each in decomposed if not unicodedata.combining(each))))
