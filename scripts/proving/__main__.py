"""Prove promises by many random runs, or with many inputs that others wrote.

ctrl-c: apply a plan, and raise exceptions in its thread at random moments. No run hangs or reports a wrong error, the
journal is whole and agrees with the server, the caller sees the interruption, and a resumed run completes the plan.

fleet: apply a plan with several processes whose journal is in PostgreSQL, and kill the one that works. Another takes
the plan over; the journal knows all that was sent, claims nothing false, and its undo restores the members.

fleet-workers: do a job at each of four sites with workers that are killed while they plan, apply and verify. Others
take the jobs over; the journals know all that was sent, claim nothing false, and their undo restores the members.

fleet-outage: take the database away for a minute while workers and another process apply plans: it is stopped, the
network is broken, and it hangs. Nothing is sent before its intent is committed, the journals claim nothing false, the
workers go on by themselves, the other process when it is started again, and undo restores the members.

fleet-tokens: share tokens between processes while they expire. Each expiry causes one refresh, and no call fails.

corpora: convert the Postman collections in published packages, generate a client from each, and import it. Each request
becomes an operation, or a line in the report.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from run_command import run_command


def main(arguments: list[str]) -> int:
    """Run a proof; return 1 if a run failed."""
    parser = argparse.ArgumentParser(
        prog="scripts/prove", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="PROOF")
    command = commands.add_parser("ctrl-c", help="apply a plan, and interrupt it")
    command.add_argument("--runs", type=int, default=1_000, help="with signals at random moments (default: 1,000)")
    command.add_argument("--seed", type=int, default=1, help="chooses the moments (default: 1)")
    command.add_argument(
        "--every-step", action="store_true", help="also raise at each instruction that the thread passes"
    )
    command.set_defaults(prove=_prove_ctrl_c)
    command = commands.add_parser("fleet", help="apply a plan with several processes, and kill them")
    command.add_argument("--changes", type=int, default=2_000, help="of the plan (default: 2,000)")
    command.add_argument("--kills", type=int, default=50, help="of the process that works (default: 50)")
    command.add_argument("--processes", type=int, default=3, help="at a time (default: 3)")
    command.add_argument("--seed", type=int, default=1, help="chooses the moments (default: 1)")
    command.set_defaults(prove=_prove_fleet)
    command = commands.add_parser("fleet-workers", help="do jobs with workers, and kill them")
    command.add_argument("--changes", type=int, default=2_000, help="of all sites (default: 2,000)")
    command.add_argument("--kills", type=int, default=50, help="of workers (default: 50)")
    command.add_argument("--workers", type=int, default=2, help="at a time (default: 2)")
    command.add_argument("--seed", type=int, default=1, help="chooses the moments (default: 1)")
    command.set_defaults(prove=_prove_fleet_workers)
    command = commands.add_parser("fleet-outage", help="take the database away while plans are applied")
    command.add_argument("--changes", type=int, default=1_000, help="of each site (default: 1,000)")
    command.add_argument("--seconds", type=float, default=60.0, help="of each outage (default: 60)")
    command.add_argument("--seed", type=int, default=1, help="chooses the moments (default: 1)")
    command.set_defaults(prove=_prove_fleet_outage)
    command = commands.add_parser("fleet-tokens", help="share tokens that expire")
    command.add_argument("--processes", type=int, default=4, help="at a time (default: 4)")
    command.add_argument("--threads", type=int, default=4, help="of each process (default: 4)")
    command.add_argument("--expiries", type=int, default=20, help="of all access tokens (default: 20)")
    command.set_defaults(prove=_prove_fleet_tokens)
    command = commands.add_parser("corpora", help="convert the collections in published packages")
    command.add_argument("--archives", metavar="FOLDER", type=Path, help="keep the downloaded archives here")
    command.add_argument("--package", metavar="NAME", help="try one package only")
    command.set_defaults(prove=_prove_corpora)
    options = parser.parse_args(arguments)
    code: int = options.prove(options)
    return code


def _prove_ctrl_c(options: argparse.Namespace) -> int:
    from proving import ctrl_c

    return ctrl_c.prove(options.runs, options.seed, every_step=options.every_step)


def _prove_fleet(options: argparse.Namespace) -> int:
    from proving import fleet  # it needs PostgreSQL

    return fleet.prove(options.changes, options.kills, options.processes, options.seed)


def _prove_fleet_workers(options: argparse.Namespace) -> int:
    from proving import fleet_workers

    return fleet_workers.prove(options.changes, options.kills, options.workers, options.seed)


def _prove_fleet_outage(options: argparse.Namespace) -> int:
    from proving import fleet_outage

    return fleet_outage.prove(options.changes, options.seconds, options.seed)


def _prove_fleet_tokens(options: argparse.Namespace) -> int:
    from proving import fleet_tokens

    return fleet_tokens.prove(options.processes, options.threads, options.expiries)


def _prove_corpora(options: argparse.Namespace) -> int:
    from proving import corpora  # it needs the generator, which the other proofs do without

    return corpora.prove(options.archives, options.package)


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
