"""The result of a check."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class Status(StrEnum):
    """Whether a check found a problem."""

    OK = "ok"
    PROBLEM = "problem"
    UNKNOWN = "unknown"  # an earlier problem prevented the check


@frozen
class Finding:
    """What a check found.

    Attributes:
        check: the name of the check.
        status: whether there is a problem.
        text: what is so, or what is wrong; never a secret.
        remedy: what to do; empty if nothing is.
    """

    check: str
    status: Status
    text: str
    remedy: str = ""


def ok(check: str, text: str) -> Finding:
    """Return the result of a check without a problem."""
    return Finding(check, Status.OK, text)


def problem(check: str, text: str, remedy: str) -> Finding:
    """Return the result of a check with a problem."""
    return Finding(check, Status.PROBLEM, text, remedy)


def unknown(check: str, text: str) -> Finding:
    """Return the result of a check that could not be made."""
    return Finding(check, Status.UNKNOWN, text)
