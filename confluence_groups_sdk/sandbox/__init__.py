"""A Confluence that lives on this machine: real HTTP on loopback, real membership, no site and no account needed.

It is an independent witness of what the client does: it shares nothing with it but the error for a missing extra.
"""

from ..errors import ConfigurationError

try:
    import starlette as _starlette  # noqa: F401 - only asked whether it is there
    import uvicorn as _uvicorn  # noqa: F401
except ImportError as _missing:
    raise ConfigurationError(
        f"the sandbox needs {_missing.name}: pip install 'confluence-groups-sdk[sandbox]'"
    ) from None

from .app import Answer, SeenRequest
from .directory import Credentials, Directory, Group, Person
from .server import Sandbox

__all__ = ["Answer", "Credentials", "Directory", "Group", "Person", "Sandbox", "SeenRequest"]
