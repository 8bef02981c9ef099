"""Draw docs/images/approval.png, the page for the approver of a plan, with Chromium: python -m documenting.picture."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.cli.rendering.approval_page import render_approval_page
from confluence_groups_sdk.membership import plan_offboarding
from confluence_groups_sdk.sandbox import Sandbox, add_demo, demo_files

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "approval.png"
SIZE = "1100,820"
TIMEOUT_S = 60


def draw() -> None:
    """Plan the off-boarding of the pages on the sandbox, and draw its page.

    Raises:
        RuntimeError: there is no Chromium.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise RuntimeError("install Chromium: it draws the page")
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        add_demo(sandbox.directory)
        people, page = Path(folder, "people.csv"), Path(folder, "page.html")
        people.write_text(demo_files()["people.csv"], encoding="utf-8")
        with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
            page.write_text(render_approval_page(plan_offboarding(groups, account_ids=people)), encoding="utf-8")
        PICTURE.parent.mkdir(exist_ok=True)
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",  # root has no other way, and the page is ours
                "--hide-scrollbars",
                f"--user-data-dir={folder}/profile",
                f"--window-size={SIZE}",
                f"--screenshot={PICTURE}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=TIMEOUT_S,
        )


if __name__ == "__main__":
    draw()
