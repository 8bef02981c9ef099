"""Access reviews: who has access, what was decided, what was done, and proof of it.

It uses only the public API of the synchronous client and of `membership`.

    snapshot = take_snapshot(groups, resume="q4.progress")
    snapshot.save("q4.snapshot")
"""

from .comparison import diff as diff
from .decisions.planning import plan_decisions as plan_decisions
from .decisions.reading import read_decisions as read_decisions
from .evidence.report import EvidenceReport as EvidenceReport
from .evidence.verifying import verify_evidence as verify_evidence
from .evidence.writing import write_evidence as write_evidence
from .model.decisions import DecidedMembership as DecidedMembership
from .model.decisions import Decision as Decision
from .model.decisions import Decisions as Decisions
from .model.difference_rows import DifferenceRow as DifferenceRow
from .model.difference_rows import difference_lines as difference_lines
from .model.difference_rows import difference_rows as difference_rows
from .model.differences import Difference as Difference
from .model.differences import DifferenceKind as DifferenceKind
from .model.differences import NotCompared as NotCompared
from .model.differences import SnapshotDiff as SnapshotDiff
from .model.limits import Limit as Limit
from .model.sheet_row import SheetRow as SheetRow
from .model.snapshot import Snapshot as Snapshot
from .model.snapshot_parts import Selection as Selection
from .model.snapshot_parts import SnapshotGroup as SnapshotGroup
from .model.snapshot_parts import SnapshotUser as SnapshotUser
from .pages.diff_page import render_diff as render_diff
from .pages.sheet_page import render_sheet as render_sheet
from .search import find_user as find_user
from .search import find_users as find_users
from .search import groups_of as groups_of
from .sheets.reviewer_file import read_reviewers as read_reviewers
from .sheets.reviewer_map import ReviewerMap as ReviewerMap
from .sheets.rows import sheet_rows as sheet_rows
from .sheets.writing import SheetFormat as SheetFormat
from .sheets.writing import sheet_content as sheet_content
from .sheets.writing import write_reviewer_sheets as write_reviewer_sheets
from .sheets.writing import write_sheet as write_sheet
from .taking.take import take_snapshot as take_snapshot
