"""When a database that does not answer is down."""

from __future__ import annotations

import math

from .database import Database
from .turns import CHECK_S

PATIENCE_S = 0.7  # a database that takes longer is down, unless another connection has heard from it within this time
MAX_PATIENCE_S = 5.0  # a database that takes longer than this is down in any case


class Patience:
    """Measures how long the answer to one question takes, counting only the time during which this process ran.

    Args:
        database: is asked whether it has answered.
        first_s: seconds that the first answer may take.
    """

    def __init__(self, database: Database, first_s: float) -> None:
        self._database = database
        self._limit_s = first_s
        self._waited_s = 0.0
        self._checked = -math.inf

    def begin(self) -> None:
        """A question was sent."""
        self._waited_s = 0.0

    def end(self) -> None:
        """It was answered."""
        self._limit_s = PATIENCE_S

    def is_exhausted(self, began: float, now: float) -> bool:
        """Check whether the database is down; calls that wait do this every CHECK_S.

        If more time has passed since the last check, this process did not run, so the database may have answered. If
        other connections hear from it, it is only busy: there may be hundreds of connections to open.

        Args:
            began: the moment of the question.
            now: the present moment.
        """
        before, self._checked = self._checked, now
        self._waited_s += min(now - max(before, began), CHECK_S)
        if self._waited_s <= self._limit_s or self._database.has_answered():
            return False
        return self._waited_s > MAX_PATIENCE_S or not self._database.was_heard_within(PATIENCE_S)
