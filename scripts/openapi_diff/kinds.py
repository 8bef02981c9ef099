"""The kinds of changes, each with its SemVer level and its text in a comparison of our document with another one.

A sender breaks if a schema gets narrower: a newly required field, a value that is no longer accepted. A receiver breaks
if it gets wider: a field that can newly be absent or null. A new value in a response breaks nobody, because enums are
open on reading. Another type breaks both.
"""

from __future__ import annotations

from enum import StrEnum

from versioning.semver import Change, Level

FIX, FEATURE, BREAKING = Level.FIX, Level.FEATURE, Level.BREAKING


class Side(StrEnum):
    """The direction of a message."""

    SENT = "requests"
    RECEIVED = "responses"


class Kind(StrEnum):
    """A kind of change: its text, its levels in requests and responses, and its text in a comparison, if it has one."""

    sent: Level
    received: Level
    comparison: str

    def __new__(cls, text: str, sent: Level, received: Level, comparison: str = "") -> Kind:
        kind = str.__new__(cls, text)
        kind._value_ = text
        kind.sent, kind.received, kind.comparison = sent, received, comparison
        return kind

    def change(
        self,
        place: str,
        *,
        was: str | None = None,
        now: str | None = None,
        side: Side = Side.SENT,
        level: Level | None = None,
    ) -> Change:
        """Return a change of this kind; a given level replaces the usual one."""
        usual = self.sent if side is Side.SENT else self.received
        return Change(place, self, usual if level is None else level, was, now)

    OPERATION_ADDED = "operation added", FEATURE, FEATURE, "operation: only theirs, {now}"
    OPERATION_REMOVED = "operation removed", BREAKING, BREAKING, "operation: only ours, {was}"
    OPERATION_RENAMED = "operation renamed", BREAKING, BREAKING, "operation: ours is called {was}, theirs {now}"
    OPERATION_MOVED = "operation moved", BREAKING, BREAKING, "operation: ours is {was}, theirs {now}"
    OPERATION_TAG = "first tag changed", BREAKING, BREAKING  # the generated module moves
    OPERATION_SERVERS = "its own servers changed", BREAKING, BREAKING
    PARAMETER_ADDED = "parameter added", FEATURE, FEATURE, "only theirs, {now}"
    PARAMETER_REMOVED = "parameter removed", BREAKING, BREAKING, "only ours, {was}"
    PARAMETER_RENAMED = "parameter renamed", BREAKING, BREAKING, "name: ours {was}, theirs {now}"
    PARAMETER_CASE = "parameter renamed in case only", BREAKING, BREAKING, "name: ours {was}, theirs {now}"
    PARAMETER_FORM = "serialization changed", BREAKING, BREAKING, "form: ours {was}, theirs {now}"
    BODY_ADDED = "request body added", FEATURE, FEATURE, "request body: only theirs, {now}"
    BODY_REMOVED = "request body removed", BREAKING, BREAKING, "request body: only ours"
    MEDIA_TYPE_ADDED = "media type added", FEATURE, FEATURE, "media type {now}: only theirs"
    MEDIA_TYPE_REMOVED = "media type removed", BREAKING, BREAKING, "media type {was}: only ours"
    STATUS_ADDED = "status added", FEATURE, FEATURE, "status {now}: only theirs"
    STATUS_REMOVED = "status removed", FIX, FIX, "status {was}: only ours"  # an unlisted error is still an error
    SCOPE_ADDED = "may be called with", FEATURE, FEATURE, "scope: only theirs, {now}"
    SCOPE_REMOVED = "may no longer be called with", BREAKING, BREAKING, "scope: only ours, {was}"

    FIELD_ADDED = "field added", FEATURE, FEATURE, "only theirs, {now}"
    FIELD_REMOVED = "field removed", BREAKING, BREAKING, "only ours"
    NOW_REQUIRED = "now required", BREAKING, FEATURE, "required: only theirs"
    NO_LONGER_REQUIRED = "no longer required", FEATURE, BREAKING, "required: only ours"
    TYPE = "type changed", BREAKING, BREAKING, "type: ours {was}, theirs {now}"
    FORMAT = "format changed", BREAKING, BREAKING, "format: ours {was}, theirs {now}"
    NOW_NULLABLE = "may now be null", FEATURE, BREAKING, "nullable: only theirs"
    NO_LONGER_NULLABLE = "may no longer be null", BREAKING, FEATURE, "nullable: only ours"
    VALUE_ADDED = "value added", FEATURE, FEATURE, "value {now}: only theirs"
    VALUE_REMOVED = "value removed", BREAKING, FIX, "value {was}: only ours"
    NOW_LIMITED_TO = "limited to values", BREAKING, FIX, "values: only theirs, {now}"
    NO_LONGER_LIMITED_TO = "no longer limited to values", FEATURE, FEATURE, "values: only ours, {was}"
    DEFAULT = "default changed", BREAKING, FIX, "default: ours {was}, theirs {now}"
    LIMIT = "limit changed", BREAKING, FIX, "limit: ours {was}, theirs {now}"
    OTHER_FIELDS_REFUSED = "other fields are now refused", BREAKING, FIX, "other fields: refused by theirs"
    OTHER_FIELDS_ALLOWED = "other fields are now allowed", FEATURE, FEATURE, "other fields: refused by ours"
    NOW_DEPRECATED = "now deprecated", FEATURE, FEATURE, "deprecated: only theirs"  # semver.org section 7
    NO_LONGER_DEPRECATED = "no longer deprecated", FIX, FIX, "deprecated: only ours"
    SCHEMA_RENAMED = "schema renamed", FIX, FIX  # generated models are internal, and the messages stay the same
    DOCUMENTATION = "documentation changed", FIX, FIX
    NOT_UNDERSTOOD = "changed in an unknown way: look at it", BREAKING, BREAKING, "{now}: differs"

    SERVER_ADDED = "server added", FEATURE, FEATURE
    SERVER_REMOVED = "server removed", BREAKING, BREAKING
    SERVER_CHANGED = "server's variables changed", BREAKING, BREAKING
    FIRST_SERVER = "first server changed", BREAKING, BREAKING  # the default server
    SCHEME_ADDED = "security scheme added", FEATURE, FEATURE
    SCHEME_REMOVED = "security scheme removed", BREAKING, BREAKING
    SCHEME_CHANGED = "security scheme changed", BREAKING, BREAKING
    SCOPE_OFFERED = "scope added", FEATURE, FEATURE
    SCOPE_WITHDRAWN = "scope removed", BREAKING, BREAKING
