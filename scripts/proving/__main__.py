"""Prove promises of the package by many random runs.

ctrl-c: apply a plan, and raise exceptions in its thread at random moments. No run hangs or reports a wrong error, the
journal is whole and agrees with the server, the caller sees the interruption, and a resumed run completes the plan.
"""

from __future__ import annotations

import argparse
import sys

from run_command import run_command

from proving import ctrl_c


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
    options = parser.parse_args(arguments)
    return ctrl_c.prove(options.runs, options.seed, every_step=options.every_step)


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
