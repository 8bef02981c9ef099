#!/usr/bin/env python3
if __name__ == "__main__":
    from run_command import exit_on_interrupt

    exit_on_interrupt()

import sys

from run_command import USAGE, run_command

FLEET = "fleet"


def main() -> int:
    """Run the demo, or that of fleets."""
    if sys.argv[1:] == [FLEET]:
        from walkthroughs import fleet_demo

        return fleet_demo.main()
    if sys.argv[1:]:
        print("usage: scripts/demo [fleet]", file=sys.stderr)
        return USAGE
    from walkthroughs import demo

    demo.main()
    return 0


if __name__ == "__main__":
    run_command(main)
