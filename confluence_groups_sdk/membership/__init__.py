"""Changes of many memberships at once: planned, reviewed, applied, resumed after a crash, and undone.

All of it stands on the public face of the synchronous client; programs that run tasks call it in a thread.

    plan = plan_removals(groups, "leavers.csv")
    plan.save("plan.json")  # somebody reviews it, and hands over its digest
    report = apply(groups, Plan.load("plan.json"), journal="leavers.journal", expect_digest=approved)
    back = undo(groups, "leavers.journal")
"""

from .changes import Action as Action
from .changes import Change as Change
from .changes import Omission as Omission
from .changes import Outcome as Outcome
from .changes import Progress as Progress
from .changes import Result as Result
from .csv_input import Row as Row
from .csv_input import read_accounts as read_accounts
from .csv_input import read_rows as read_rows
from .engine import apply as apply
from .engine import rehearse as rehearse
from .guards import Guards as Guards
from .journal import Contents as Contents
from .journal import read_journal as read_journal
from .perform import perform as perform
from .plan import Estimate as Estimate
from .plan import Plan as Plan
from .plan import PlannedGroup as PlannedGroup
from .planning import plan_offboarding as plan_offboarding
from .planning import plan_removals as plan_removals
from .planning import plan_sync as plan_sync
from .report import Report as Report
from .undo import undo as undo
