#!/usr/bin/env python3
from run_command import run_command
from walkthroughs.plans_walkthrough import main

if __name__ == "__main__":
    run_command(main)
