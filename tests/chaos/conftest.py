from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _no_search_for_sniffio(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpcore looks for it many times a call, in vain and slowly where it is not installed: here it need not look."""
    monkeypatch.setitem(sys.modules, "sniffio", None)
