"""LibreOffice without a window: opens a workbook, types into cells as a person would, and saves it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

NEEDED = "soffice"
TIMEOUT_S = 120
FILTERS = {".xlsx": "Calc MS Excel 2007 XML", ".csv": "Text - txt - csv (StarCalc)"}
CSV_OPTIONS = "44,34,76,1,,0,false,true"  # commas, quotes, UTF-8, all texts as shown
MODULE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">
<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" script:language="StarBasic">
{code}</script:module>
"""
CODE = """Sub Edit
  Dim hidden(0) As New com.sun.star.beans.PropertyValue
  hidden(0).Name = "Hidden" : hidden(0).Value = True
  document = StarDesktop.loadComponentFromURL({source}, "_blank", 0, hidden())
  sheet = document.Sheets.getByIndex(0)
{typing}
  Dim saved(1) As New com.sun.star.beans.PropertyValue
  saved(0).Name = "FilterName" : saved(0).Value = {filter}
  saved(1).Name = "FilterOptions" : saved(1).Value = {options}
  document.storeToURL({target}, saved())
  document.close(True)
  StarDesktop.terminate()
End Sub
"""


def is_missing() -> bool:
    """Check whether LibreOffice is not installed."""
    return shutil.which(NEEDED) is None


def edit(source: Path, target: Path, cells: Mapping[str, str], *, folder: Path) -> None:
    """Open a workbook, type into cells of its first sheet, and save it as another file.

    Args:
        source: the workbook.
        target: the new file; its ending decides the format.
        cells: the texts to type, by the cell's name, such as ``I2``.
        folder: an empty folder for LibreOffice's settings.
    """
    # FormulaLocal understands a text as if it was typed, and does nothing in a locked cell of a protected sheet.
    typing = [
        f"  sheet.getCellRangeByName({_quote(cell)}).FormulaLocal = {_quote(text)}" for cell, text in cells.items()
    ]
    code = CODE.format(
        source=_quote(source.as_uri()),
        target=_quote(target.as_uri()),
        filter=_quote(FILTERS[target.suffix]),
        options=_quote(CSV_OPTIONS if target.suffix == ".csv" else ""),
        typing="\n".join(typing),
    )
    _run(folder, "--terminate_after_init")  # it makes its settings, which would replace the module
    (folder / "user" / "basic" / "Standard" / "Module1.xba").write_text(
        MODULE.format(code=escape(code)), encoding="utf-8"
    )
    _run(folder, "macro:///Standard.Module1.Edit()")
    assert target.exists(), "LibreOffice did not save the file"


def _run(folder: Path, *arguments: str) -> None:
    program = (NEEDED, "--headless", "--norestore", "--nologo", f"-env:UserInstallation={folder.as_uri()}")
    environment = os.environ | {"HOME": str(folder), "SAL_USE_VCLPLUGIN": "svp"}
    subprocess.run([*program, *arguments], check=True, capture_output=True, env=environment, timeout=TIMEOUT_S)


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
