"""``confluence-groups review``: each module adds its commands to the section when it is imported, in this order."""

from . import diff as diff
from . import sheet as sheet
from . import who as who
from . import snapshot as snapshot
from .section import app as app
