"""Access reviews: who has access, what was decided, what was done, and proof of it.

It uses only the public API of the synchronous client and of `membership`.

    snapshot = take_snapshot(groups, resume="q4.progress")
    snapshot.save("q4.snapshot")
"""

from .decisions.planning import plan_decisions as plan_decisions
from .decisions.reading import read_decisions as read_decisions
from .model.decisions import DecidedMembership as DecidedMembership
from .model.decisions import Decision as Decision
from .model.decisions import Decisions as Decisions
from .model.limits import Limit as Limit
from .model.sheet_row import SheetRow as SheetRow
from .model.snapshot import Snapshot as Snapshot
from .model.snapshot_parts import Selection as Selection
from .model.snapshot_parts import SnapshotGroup as SnapshotGroup
from .model.snapshot_parts import SnapshotUser as SnapshotUser
from .pages.sheet_page import render_sheet as render_sheet
from .sheets.reviewer_file import read_reviewers as read_reviewers
from .sheets.reviewer_map import ReviewerMap as ReviewerMap
from .sheets.rows import sheet_rows as sheet_rows
from .sheets.writing import SheetFormat as SheetFormat
from .sheets.writing import write_reviewer_sheets as write_reviewer_sheets
from .sheets.writing import write_sheet as write_sheet
