"""``confluence-groups review``: each module adds its commands to the section when it is imported, in this order."""

from . import snapshot as snapshot
from .section import app as app
