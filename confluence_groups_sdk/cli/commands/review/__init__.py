"""``confluence-groups review``: each module adds its commands to the section when it is imported, in this order."""

from .section import app as app
