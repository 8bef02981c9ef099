"""Prove promises of the package by many random runs: the subcommands of scripts/prove."""
