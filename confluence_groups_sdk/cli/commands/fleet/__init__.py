"""``confluence-groups fleet``: each module adds its commands to the section when it is imported."""

from . import init as init
from .section import app as app
