"""Check the generated package, and compare with one run of the generator."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarking.figures import Figure, ratio
from benchmarking.pairs import time_interleaved

ROOT = Path(__file__).parents[2]
ROUNDS = 5


def measure() -> Iterator[Figure]:
    """Time the check and the generator."""
    timings = time_interleaved({"check": check, "generator": generate}, rounds=ROUNDS, warm_up=1)
    yield ratio("regenerate.py --check", "the generator alone", timings.ratio("check", "generator"), goal=3)
    yield Figure("the same", timings.median("check"), "s", goal=3)


def check() -> None:
    """Check that regeneration would change nothing."""
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "regenerate.py", "--check"], check=True, stdout=subprocess.DEVNULL
    )


def generate() -> None:
    """Run the generator on the fragment with its configuration."""
    with TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--meta", "none"]
        command += ["--path", f"{ROOT}/openapi/confluence-groups.openapi.yaml", "--overwrite"]
        command += ["--config", f"{ROOT}/generator-config.yaml", "--output-path", f"{folder}/generated"]
        subprocess.run(command, check=True, capture_output=True)
