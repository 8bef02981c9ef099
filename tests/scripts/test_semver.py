from __future__ import annotations

import pytest
from postman_openapi.losses import SpecError
from versioning.semver import Change, Level, is_at_least, required_version

FIX, FEATURE, BREAKING = (Change(str(level), "changed", level) for level in Level)


@pytest.mark.parametrize(
    ("released", "changes", "version", "bump"),
    [
        ("0.1.0", [], "0.1.0", "none"),
        ("0.1.0", [FIX], "0.1.1", "patch"),
        ("0.1.3", [FIX, FEATURE], "0.1.4", "patch"),
        ("0.1.3", [FIX, BREAKING, FEATURE], "0.2.0", "minor"),
        ("1.2.3", [FIX], "1.2.4", "patch"),
        ("1.2.3", [FEATURE, FIX], "1.3.0", "minor"),
        ("1.2.3", [FEATURE, BREAKING], "2.0.0", "major"),
    ],
)
def test_changes_determine_the_required_version(released: str, changes: list[Change], version: str, bump: str) -> None:
    result = required_version(released, changes)
    assert (result.version, result.bump) == (version, bump)


def test_first_change_of_the_highest_level_is_the_reason() -> None:
    one, other = (Change(place, "type changed", Level.BREAKING, "a", "b") for place in ("one", "other"))
    assert required_version("0.1.0", [FIX, one, FEATURE, other]).why == "one: type changed from a to b (breaking)"
    assert required_version("0.1.0", []).why == "nothing has changed since 0.1.0"


@pytest.mark.parametrize(
    ("version", "least", "enough"),
    [
        ("0.1.0", "0.1.0", True),
        ("0.1.0", "0.1.1", False),
        ("0.10.0", "0.9.9", True),
        ("1.0.0", "0.2.0", True),
        ("0.2.0rc1", "0.2.0", True),
        ("0.2", "0.2.0", True),
    ],
)
def test_version_is_compared_with_the_required_one(version: str, least: str, enough: bool) -> None:
    assert is_at_least(version, least) is enough


def test_malformed_version_is_refused() -> None:
    for broken in ("", "one", "1..2"):
        with pytest.raises(SpecError, match="is not a version"):
            required_version(broken, [])
