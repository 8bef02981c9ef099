"""Text for people."""

from __future__ import annotations

JOINERS = "\u200c\u200d"
UNASSIGNED = "Cn"
JOINABLE = {"Lo", "Mc", "Mn", "Sk", "Sm", "So", UNASSIGNED}  # letters without case, their marks, and emoji
VARIED = {"Lo", "Pd", "Po", "Sm", "So", UNASSIGNED}  # ideographs, emoji and other signs
EMOJI_STYLE, KEYCAP = "\ufe0f", "\u20e3"
VIRAMA_CLASS = 9
VARIATION_SELECTORS = frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
UNSEEN = VARIATION_SELECTORS | BLANKS  # Python counts these as printable
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four are full-width
FORMULA_AHEAD = r"[\s\"]*[=+@\-\uff1d\uff0b\uff0d\uff20]"  # what begins a formula, also in a quoted cell


def format_count(number: int, noun: str) -> str:
    """Format a number of things, such as ``1 change`` or ``2 changes``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def escape_controls(text: str) -> str:
    r"""Return a text that stays on its line and cannot control a terminal: dangerous characters become escapes.

    Escapes such as ``\x1b`` and ``\u202e`` stand for control characters and line breaks, for the characters that change
    the direction of text, and for everything invisible or private. Spaces of any width become plain spaces.
    Names in all scripts are unchanged: joiners and variation selectors stay where a script or an emoji needs them
    (Unicode Standard Annex 31, section 2.3; RFC 5892, appendix A), and are escaped elsewhere. Characters that this
    version of Python does not know, such as a new emoji, are unchanged too: all versions of Python then write a name
    alike. Those that Unicode reserves for invisible characters are escaped.

    The rule of this package: an attribute that holds a name has the true text, and so has JSON. A sentence about names
    (``why``, ``problems``, ``differences``, ``note``, ``notes``, ``asked``) is escaped when it is made, and so is each
    ``str()``.
    To escape a text again changes nothing. A backslash stays as it is, so an escape does not prove that a control
    character was there; the attribute does.
    """
    if text.isprintable() and (text.isascii() or UNSEEN.isdisjoint(text)):
        return text
    shown: list[str] = []
    for char, after in zip(text, f"{text[1:]} ", strict=True):
        shown.append(_escape_char(shown[-1][-1] if shown else " ", char, after))
    return "".join(shown)


def protect_cell(text: str) -> str:
    """Escape control characters, and put an apostrophe before a text that a spreadsheet would run as a formula.

    Also after a semicolon, where a spreadsheet in many countries begins a new cell.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    shown = escape_controls(text)
    if ";" in shown:
        from re import sub  # loads only for the few texts that need it

        shown = sub(rf";(?={FORMULA_AHEAD})", ";'", shown)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA_STARTS) else shown


def unprotect_cell(text: str) -> str:
    """Remove the apostrophes that `protect_cell` puts into a text."""
    if ";'" in text:
        from re import sub

        text = sub(rf";'(?={FORMULA_AHEAD})", ";", text)
    return text[1:] if text.startswith("'") and text[1:].lstrip().startswith(FORMULA_STARTS) else text


def _escape_char(before: str, char: str, after: str) -> str:
    """Return a character, or an escape for it, depending on the character before it as shown and the one after it."""
    from unicodedata import category, combining  # loads only for the few texts that need it

    if char in JOINERS:
        joins = _is_one_of(JOINABLE, before) and _is_one_of(JOINABLE, after) and after not in VARIATION_SELECTORS
        if joins or combining(before) == VIRAMA_CLASS:
            return char
    elif char in VARIATION_SELECTORS:
        if _is_one_of(VARIED, before) or (char == EMOJI_STYLE and after == KEYCAP):
            return char
    elif (char.isprintable() and char not in BLANKS) or _is_visible_later(char):
        return char
    elif category(char) == "Zs":
        return " "
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _is_visible_later(char: str) -> bool:
    """Check for a character that is unassigned, and that a later version of Unicode may make visible.

    The other unassigned ones are noncharacters, and those with the property Default_Ignorable_Code_Point
    (https://www.unicode.org/reports/tr44/).
    """
    from unicodedata import category

    code = ord(char)
    is_noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    is_reserved = code == 0x2065 or 0xFFF0 <= code <= 0xFFF8 or 0xE0000 <= code <= 0xE0FFF
    return category(char) == UNASSIGNED and not is_noncharacter and not is_reserved


def _is_one_of(categories: set[str], char: str) -> bool:
    """Check for a character outside ASCII with one of these Unicode general categories."""
    from unicodedata import category

    return not char.isascii() and char not in BLANKS and category(char) in categories
