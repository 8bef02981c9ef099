#!/usr/bin/env python3
from run_command import run_command
from walkthroughs.demo import main

if __name__ == "__main__":
    run_command(main)
