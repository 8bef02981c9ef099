"""The callable that a program passes as ``observe``, called so that it can change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ForwardRef, TypeAlias

from ..log import logger

if TYPE_CHECKING:
    from .events import Event
else:
    Event = ForwardRef("_events.Event")  # in the clients' modules; it loads for programs that observe

Observe: TypeAlias = Callable[[Event], object]
"""A function that is called with each event."""

NOTED = "confluence_groups.noted"  # the extension of a request: a list, to which its credentials add events

_is_observing: ContextVar[bool] = ContextVar("is_observing", default=False)


class Observer:
    """Calls the program's callable; logs its exceptions, and tells it nothing about calls that it makes itself.

    Args:
        observe: the callable.

    Raises:
        TypeError: it cannot be called, or would return a coroutine, which nobody awaits.
    """

    def __init__(self, observe: Observe) -> None:
        if not callable(observe):
            raise TypeError(f"observe must be a function that takes an event, not {type(observe).__name__}")
        if _is_coroutine_function(observe) or _is_coroutine_function(type(observe).__call__):
            raise TypeError(
                "observe must be a plain function: it is called without await, also by AsyncConfluenceGroups"
            )
        self._observe = observe
        self._logged: set[tuple[type, type]] = set()

    def __call__(self, event: Event) -> None:
        """Tell the program what has happened. The caller holds no lock and no slot of a rate limiter."""
        if _is_observing.get():
            return
        token = _is_observing.set(True)
        try:
            self._observe(event)
        except Exception as error:
            self._log(event, error)
        finally:
            _is_observing.reset(token)

    def _log(self, event: Event, error: Exception) -> None:
        kind = (type(event), type(error))
        if kind not in self._logged:
            self._logged.add(kind)
            message = "observe(%s) raised %s, which changes nothing. This is logged once per kind"
            logger.error(message, type(event).__name__, type(error).__name__, exc_info=error)


def note(extensions: Mapping[str, Any], event: Event) -> None:
    """Note an event of a request that is under way; the program is told when the call holds nothing any more.

    Args:
        extensions: the extensions of the request.
        event: what has happened.
    """
    noted: list[Event] | None = extensions.get(NOTED)
    if noted is not None:
        noted.append(event)


def _is_coroutine_function(function: object) -> bool:
    import inspect  # loads only for programs that observe

    return inspect.iscoroutinefunction(function)
