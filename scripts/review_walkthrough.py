#!/usr/bin/env python3
if __name__ == "__main__":
    from run_command import exit_on_interrupt

    exit_on_interrupt()

from run_command import run_command
from walkthroughs.review_walkthrough import main

if __name__ == "__main__":
    run_command(main)
