#!/usr/bin/env python3
"""Run the commands and programs of documents on the sandbox, and put their output into the documents.

With --check, write nothing; a difference is an error. What varies between runs, such as digests, is not compared.
"""

if __name__ == "__main__":
    from run_command import exit_on_interrupt

    exit_on_interrupt()

import argparse
from collections.abc import Callable

from run_command import run_command
from walkthroughs import cli_walkthrough, pages_walkthrough, plans_walkthrough, review_walkthrough

UPDATES: dict[str, Callable[..., int]] = {
    "cli": cli_walkthrough.update,
    "pages": pages_walkthrough.update,
    "plans": plans_walkthrough.update,
    "review": review_walkthrough.update,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(UPDATES)}; without a name, all of them")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a difference")
    options = parser.parse_args()
    if unknown := set(options.names) - set(UPDATES):
        parser.error(f"there is no walkthrough {', '.join(sorted(unknown))}")
    return max(UPDATES[name](check=options.check) for name in options.names or UPDATES)


if __name__ == "__main__":
    run_command(main)
