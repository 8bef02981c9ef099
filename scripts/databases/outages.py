"""Ways in which a database goes away, and comes back, for programs that connect to a relay."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define

from databases.embedded import EmbeddedPostgres
from databases.relay import Relay


@define
class Outage:
    """A way to take the database away.

    Attributes:
        server: the server.
        relay: what clients connect to.
    """

    server: EmbeddedPostgres
    relay: Relay

    def begin(self) -> None:
        """Take it away."""

    def prepare_end(self) -> bool:
        """Let only this program reach it again; return False if others reach it at the same time."""
        return True

    def end(self) -> None:
        """Let everybody reach it again."""


class Stopped(Outage):
    """The server has ended without saving what it had not promised, and connections are refused."""

    def begin(self) -> None:
        self.relay.refuse()
        self.server.stop(kill=True)

    def prepare_end(self) -> bool:
        self.server.start()
        return True

    def end(self) -> None:
        self.relay.accept()


class Unreachable(Outage):
    """The network passes on nothing, and attempts to connect hang; what was sent arrives when the outage ends."""

    def begin(self) -> None:
        self.relay.hang()

    def end(self) -> None:
        self.relay.flow()


class Frozen(Outage):
    """The server accepts connections, and answers nothing."""

    def begin(self) -> None:
        self.server.stop_answering()

    def prepare_end(self) -> bool:
        return False

    def end(self) -> None:
        self.server.answer()


WAYS: Mapping[str, type[Outage]] = {"stopped": Stopped, "unreachable": Unreachable, "frozen": Frozen}
