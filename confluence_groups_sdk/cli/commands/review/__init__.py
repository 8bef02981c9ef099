"""``confluence-groups review``: each module adds its commands to the section when it is imported, in this order."""

# isort: off
from . import snapshot as snapshot
from . import diff as diff
from . import who as who
from . import sheet as sheet
from . import decide as decide
from . import evidence as evidence
from .section import app as app
