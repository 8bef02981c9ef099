"""The known causes of failed calls; public as `confluence_groups_sdk.errors.KnownProblem`."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Self

from .pickling import unpickle
from .public import public


@public
class KnownProblem(Enum):
    """A cause that the status alone does not show; the value is its remedy. Signs: docs/confluence-behaviour.md."""

    MISSING_SCOPE = (
        "Give the app the scope of this operation and let the user consent again, or create a token that has the scope."
    )
    AUTH_MISMATCH = (
        "E-mail and token belong to different accounts, or a token with scopes was sent to the site's own address. "
        "Send such a token through the gateway (for_cloud)."
    )
    TOKEN_NOT_ACCEPTED = (
        "The credentials were not accepted: check e-mail and token. The token may have expired or been revoked."
    )
    BEARER_TOKEN_AT_SITE = (
        "A site does not accept bearer tokens: use ApiToken(email, token), or for_cloud(cloud_id, auth=...) if it is "
        "an OAuth 2.0 access token."
    )
    PASSWORD_NOT_ACCEPTED = (
        "Confluence Cloud accepts no passwords: create an API token at id.atlassian.com and use ApiToken(email, token)."
        " It says the same of an API token that is wrong, expired or revoked: check e-mail and token."
    )
    CAPTCHA_REQUIRED = (
        "After failed logins, the account must solve a CAPTCHA: log in to the site with a browser. Check e-mail and "
        "token before you send again, because more failed logins lock the account again."
    )
    IP_NOT_ALLOWED = (
        "The IP allowlist of the site does not have the address that this call came from: ask an organisation admin to "
        "add it, or send from a network that is allowed."
    )
    XSRF_CHECK_FAILED = (
        "A proxy has changed the headers: X-Atlassian-Token and this client's user agent must arrive as they were sent."
    )
    REDIRECTED = (
        "This client does not follow redirects: check the site's address, and that no login page answers in its place."
    )
    WRONG_ADDRESS = (
        "Confluence does not answer like this for an unknown id: check the name of the site or the cloud id."
    )
    EXTERNALLY_MANAGED = (
        "An identity provider manages this group: change its members there. Confluence rejects changes made here, or "
        "the identity provider reverts them."
    )
    NO_ACCESS = "The account has no access to Confluence on this site, or the credentials did not arrive: check both."
    UNKNOWN_SHAPE = "A newer version of this package may understand such a response; `raw` returns it unchanged."
    OUTCOME_UNKNOWN = "The change may have been made: look at what is there now before you send it again."

    @property
    def remedy(self) -> str:
        """What the reader can do next."""
        return self.value

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        return unpickle, (type(self), {"name": self.name})  # the value is a text, which may be reworded

    @classmethod
    def _from_pickle(cls, state: Mapping[str, Any]) -> Self | None:
        return cls.__members__.get(state["name"])  # None for a member that only a newer version has
