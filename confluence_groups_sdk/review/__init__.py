"""Access reviews: who has access, what was decided, what was done, and proof of it.

It uses only the public API of the synchronous client and of `membership`.

    snapshot = take_snapshot(groups, resume="q4.progress")
    snapshot.save("q4.snapshot")
"""

from .model.decisions import DecidedMembership as DecidedMembership
from .model.decisions import Decision as Decision
from .model.decisions import Decisions as Decisions
from .model.limits import Limit as Limit
from .model.sheet_row import SheetRow as SheetRow
from .model.snapshot import Snapshot as Snapshot
from .model.snapshot_parts import Selection as Selection
from .model.snapshot_parts import SnapshotGroup as SnapshotGroup
from .model.snapshot_parts import SnapshotUser as SnapshotUser
from .taking.take import take_snapshot as take_snapshot
