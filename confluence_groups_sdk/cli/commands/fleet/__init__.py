"""``confluence-groups fleet``: each module adds its commands to the section when it is imported."""

from . import init as init

# isort: off
from . import worker as worker
from . import submit as submit
from . import status as status
from . import approve as approve
from . import reviews as reviews
from . import report as report
from . import again as again
from .section import app as app
