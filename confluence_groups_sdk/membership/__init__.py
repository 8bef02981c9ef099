"""Changes of many memberships at once: planned, reviewed, applied, resumed after a crash, and undone.

It uses only the public API of the synchronous client; programs that run tasks call it in a thread.

    plan = plan_removals(groups, "leavers.csv")
    plan.save("plan.json")  # somebody reviews the file and approves its digest
    report = apply(groups, Plan.load("plan.json"), journal="leavers.journal", expect_digest=approved)
    reversal = undo(groups, "leavers.journal")
"""

from .execution.apply import apply as apply
from .execution.apply import read_report as read_report
from .execution.apply import rehearse as rehearse
from .execution.change_executor import perform as perform
from .execution.journal_format import JournalState as JournalState
from .execution.journal_format import read_journal as read_journal
from .execution.undo import undo as undo
from .model.changes import Action as Action
from .model.changes import Change as Change
from .model.changes import Outcome as Outcome
from .model.changes import Progress as Progress
from .model.changes import Result as Result
from .model.changes import SkippedChange as SkippedChange
from .model.guards import Guards as Guards
from .model.journal_storage import JournalStorage as JournalStorage
from .model.plan import Estimate as Estimate
from .model.plan import Plan as Plan
from .model.plan import PlannedGroup as PlannedGroup
from .model.report import RecordedRun as RecordedRun
from .model.report import Report as Report
from .model.report import Stop as Stop
from .model.report import StopReason as StopReason
from .planning.planners import plan_offboarding as plan_offboarding
from .planning.planners import plan_removals as plan_removals
from .planning.planners import plan_sync as plan_sync
from .planning.preflight import Preflight as Preflight
from .planning.preflight import check_change as check_change
from .planning.reading.access import read_access as read_access
from .planning.reading.group_members import GroupMembers as GroupMembers
from .planning.reading.group_members import read_groups as read_groups
from .planning.resolver import resolve_group as resolve_group
from .planning.resolver import resolve_groups as resolve_groups
from .planning.resolver import resolve_user as resolve_user
from .planning.rows.csv_reader import read_accounts as read_accounts
from .planning.rows.csv_reader import read_rows as read_rows
from .planning.rows.row import Row as Row
