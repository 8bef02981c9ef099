"""``confluence-groups review``: each module adds its commands to the section when it is imported."""

from . import decide as decide
from . import diff as diff
from . import evidence as evidence
from . import sheet as sheet
from . import snapshot as snapshot
from . import who as who
from .section import app as app
