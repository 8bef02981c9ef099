"""``confluence-groups review``: each module adds its commands to the section when it is imported."""

from . import diff as diff
from . import sheet as sheet
from . import snapshot as snapshot
from . import who as who

# isort: off
from . import decide as decide
from . import evidence as evidence
from .section import app as app
