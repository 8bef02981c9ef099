"""What a snapshot cannot show. Each snapshot contains these limits, and every page made from it shows them."""

from __future__ import annotations

from attrs import frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public


@public
@frozen(kw_only=True)
class Limit(VersionTolerantPickle):
    """Something that a snapshot cannot show.

    Attributes:
        text: what is not shown, in one or two sentences.
        source: where this is known from: a section of this project's documentation, which names the public sources.
    """

    text: str
    source: str


SNAPSHOT_LIMITS = (
    Limit(
        text="Deactivated members are not listed, because Confluence leaves them out of a group's members.",
        source="docs/confluence-behaviour.md#users",
    ),
    Limit(
        text="Admins who have their role without a group are not shown: no group stands for the site-admin role.",
        source="docs/confluence-behaviour.md#permissions",
    ),
    Limit(
        text="Last activity and managed accounts are not shown, because Confluence's REST API does not send them.",
        source="docs/confluence-behaviour.md#reviews",
    ),
    Limit(
        text="Who granted a membership, and when, is not shown, because Confluence's REST API does not send it.",
        source="docs/confluence-behaviour.md#reviews",
    ),
    Limit(
        text="Groups may belong to other sites of the organisation, because Confluence lists the groups of all sites.",
        source="docs/confluence-behaviour.md#identifiers",
    ),
)
"""The limits of every snapshot that this version takes."""
