#!/usr/bin/env python3
from recording.record_cassettes import main
from run_command import run_command

if __name__ == "__main__":
    run_command(main)
