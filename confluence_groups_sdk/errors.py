"""The exceptions of this package, and nothing else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

from ._support.known_problem import KnownProblem as KnownProblem  # noqa: PLC0414 - public here
from ._support.pickling import unpickle
from ._support.text import escape_controls

MAX_PROBLEMS_SHOWN = 20  # in the text of an error


class ConfluenceGroupsError(Exception):
    """The root of the hierarchy: every error that this package defines.

    Wrong arguments may also raise a plain ValueError or TypeError. Each attribute has a default in its class, so that
    errors pickled by older versions also have it.

    Attributes:
        option: the Python argument that the message is about, such as ``max_retries``; None if there is none.
    """

    option: str | None = None

    def __init__(self, *args: object, option: str | None = None) -> None:
        super().__init__(*args)
        if option is not None:
            self.option = option

    def __str__(self) -> str:
        return escape_controls(super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        return unpickle, (type(self), {**self.__dict__, "args": self.args})

    @classmethod
    def _from_pickle(cls, state: Mapping[str, Any]) -> Self:
        error = cls.__new__(cls, *state["args"])
        error.__dict__.update({name: value for name, value in state.items() if name != "args"})
        return error


class _ListedProblemsError(ConfluenceGroupsError, ValueError):
    problems: tuple[str, ...] = ()
    """One line per problem, with its place; empty if the message says everything."""

    def __init__(self, message: str = "", *, problems: tuple[str, ...] = (), option: str | None = None) -> None:
        super().__init__(message, option=option)
        self.problems = tuple(map(escape_controls, problems))

    def __str__(self) -> str:
        more = len(self.problems) - MAX_PROBLEMS_SHOWN
        shown = [*self.problems[:MAX_PROBLEMS_SHOWN], *([f"and {more} more (see problems)"] if more > 0 else [])]
        return "\n  ".join([super().__str__(), *shown])


class ConfigurationError(_ListedProblemsError):
    """An argument, the environment or a file of settings is unusable: a bad site, no credentials, a missing extra.

    What to do: correct the option, the variable, the file or the installation that the message names.
    """


class IncompleteReadError(ConfluenceGroupsError):
    """A list could not be read to its end.

    What to do: read the list again from its start; do not use what came before the error as the whole list.

    Attributes:
        received: the ids that were read before, in order: account ids for members, group ids for groups.
    """

    received: tuple[str, ...] = ()

    def __init__(self, message: str = "", *, received: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.received = received


class InputError(_ListedProblemsError):
    """The input for a plan is unusable. The error lists all problems, and no plan was made.

    What to do: correct all problems in the input, then plan again.

    Attributes:
        problems: one line per problem, with its place, such as ``line 7: the account is missing``.
    """


class PlanError(ConfluenceGroupsError, ValueError):
    """A plan cannot be read or must not be applied: it was edited, is for another site, or was not approved.

    What to do: make a new plan, have it approved, and apply that one.
    """


class DriftError(PlanError):
    """Memberships have changed since the plan was made.

    What to do: make a new plan, or apply this one with ``on_drift="continue"``.

    Attributes:
        differences: one line per difference.
    """

    differences: tuple[str, ...] = ()

    def __init__(self, message: str = "", *, differences: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(map(escape_controls, differences))

    def __str__(self) -> str:
        return "\n  ".join([super().__str__(), *self.differences])


class JournalError(ConfluenceGroupsError):
    """A journal is unusable: damaged, of another plan or site, in use by another process, lost, or not writable.

    What to do: apply the plan that the journal belongs to, or continue with the journal that ``recovered`` names.
    """

    recovered: str | None = None
    """The path of the new journal, if the journal was lost during a run and a new one was written; otherwise None."""
    changes_sent: bool = False
    """Whether the run had begun to send changes."""


class ReviewError(_ListedProblemsError):
    """A snapshot, a decision or evidence of an access review is unusable: unreadable, edited, or of another review.

    What to do: take the file again from where it was made, or correct what the message names.
    """


class JobError(ConfluenceGroupsError, ValueError):
    """A job of a fleet is not as asked for: its id is unknown or taken, or the digest is not that of its plan.

    What to do: use the id and the digest that ``confluence-groups fleet status`` shows, or submit under another id.
    """


class JobInUseError(JobError):
    """Another process does the job, on this host or another one.

    What to do: try again later; the job can be taken over as soon as that process has ended.
    """


class APIError(ConfluenceGroupsError):
    """A call failed.

    Attributes:
        summary: what happened, in one line.
        remedy: what the reader can do next.
        problem: the cause, if the response shows a known one.
        method: the request's method, such as ``DELETE``.
        path: the request's path, without the query.
        status_code: the response's status; None without a response.
        request_id: identifies the request for Atlassian's support; None if the server sent none.
        message: the server's own words, at most 500 characters; None if the body holds no readable text.
        headers: the response's headers by lower-case name, without those that may hold a credential; empty without a
            response.
        body: the response's body as text, at most 64 KiB; None without a response.
        retry_after: seconds that the server asks to wait; None if it does not ask.
        unanswered_attempts: attempts at a change that got no response or a 5xx, so that it may have been made.
    """

    summary: str = ""
    remedy: str = ""
    problem: KnownProblem | None = None
    method: str | None = None
    path: str | None = None
    status_code: int | None = None
    request_id: str | None = None
    message: str | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    body: str | None = None
    retry_after: float | None = None
    unanswered_attempts: int = 0

    def __init__(
        self,
        summary: str = "",
        *,
        method: str | None = None,
        path: str | None = None,
        status_code: int | None = None,
        request_id: str | None = None,
        message: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        retry_after: float | None = None,
        remedy: str | None = None,
        problem: KnownProblem | None = None,
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.method, self.path = method, path
        if status_code is not None:
            self.status_code = status_code
        self.request_id, self.message, self.retry_after = request_id, message, retry_after
        self.headers, self.body = dict(headers or {}), body
        if problem is not None:
            self.problem, self.remedy = problem, problem.remedy
        if remedy is not None:
            self.remedy = remedy

    @property
    def description(self) -> str:
        """What happened: method, path, status, the server's message and the request id, but not the remedy."""
        call = f"{self.method} {self.path}: " if self.method else ""
        said = f": {self.message}" if self.message else ""
        request = f" [request id {self.request_id}]" if self.request_id else ""
        return f"{call}{self.summary}{said}{request}."

    def __str__(self) -> str:
        return escape_controls(f"{self.description} {self.remedy}".rstrip())


class APIStatusError(APIError):
    """The server answered with a status that does not mean success."""

    status_code: int = 0
    remedy = "This status is not documented for the operation."


class BadRequestError(APIStatusError):
    """400: an argument is missing or not accepted."""

    remedy = (
        "Check the arguments: ids must belong to this site, exactly as Confluence returned them, and the name of a new "
        "group must not be taken."
    )


class AuthenticationError(APIStatusError):
    """401: the credentials were not accepted."""

    remedy = (
        "Check that the token has not expired or been revoked, that e-mail and token belong to one account, and that a "
        "token with scopes is sent through the gateway, with the site's cloud id."
    )


class MissingScopeError(AuthenticationError):
    """401 from the gateway: the token is valid but lacks the operation's scope; refreshing it does not help."""

    problem = KnownProblem.MISSING_SCOPE
    remedy = KnownProblem.MISSING_SCOPE.remedy


class PermissionDeniedError(APIStatusError):
    """403: Confluence, or something on the way to it, does not permit the call; only the message may say why."""

    remedy = (
        "The status alone does not show the cause: the account may lack a permission, or a proxy or firewall may have "
        "refused the call."
    )


class NotFoundError(APIStatusError):
    """404: there is no such group or user; or no such site, and then the remedy says so."""

    remedy = "Check the group id and the account id: this site does not know them."


class ConflictError(APIStatusError):
    """409: the change conflicts with the present state."""

    remedy = "Read the present state, then decide again."


class GoneError(APIStatusError):
    """410: Atlassian has removed the operation for good."""

    remedy = "Upgrade this package: Confluence no longer offers the operation."


class RateLimitError(APIStatusError):
    """429: the call was still rate-limited after the retries, or the server asks for a longer wait than allowed."""

    remedy = "Wait (for retry_after seconds, unless it is None), then send again; fewer calls at once help."


class ServerError(APIStatusError):
    """5xx: Confluence or a gateway before it failed. Whether the change was made is not known."""

    remedy = "Send again later."


class ResponseValidationError(APIError):
    """The response is not the documented one: nothing is known about what happened."""

    remedy = "Check that the address is Confluence's own, and that no login page or proxy answers in its place."


class APIConnectionError(APIError):
    """No response came: the connection failed or broke. The type of ``__cause__``, an httpx error, tells how."""

    remedy = "Check address, proxy and network, then send again. If the call was a change, it may have been made."


class ClientClosedError(APIConnectionError, RuntimeError):
    """The client was closed before the call, so nothing was sent."""

    remedy = "Nothing was sent. Send the call with a client that is open."


class APITimeoutError(APIConnectionError):
    """No response came in time."""

    option = "timeout"
    remedy = "Send again, or allow more time. If the call was a change, it may have been made."


for _class in list(globals().values()):
    if isinstance(_class, type) and issubclass(_class, ConfluenceGroupsError):
        _class.__module__ = __package__ or ""  # the import path that ``repr`` and pickles show
