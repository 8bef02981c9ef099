"""The troubles that are known by more than their status, and what to do about each."""

from __future__ import annotations

from enum import Enum


class Sign(Enum):
    """A trouble that status and text alone would leave unclear; the value is its remedy."""

    MISSING_SCOPE = (
        "Give the app the scope of this operation and let the user consent again, or make a token that has the scope."
    )
    AUTH_MISMATCH = (
        "E-mail and token belong to different accounts, or a token with scopes was sent to the site's own address: "
        "such tokens go through the gateway (for_cloud)."
    )
    TOKEN_REFUSED = "The credentials were refused: check e-mail and token; the token may have expired or been revoked."
    XSRF_REFUSED = (
        "A proxy has changed the headers: X-Atlassian-Token and this client's user agent must arrive as sent."
    )
    REDIRECTED = (
        "The server points elsewhere, and this client does not follow: check the site's address, and that no login "
        "page stands before it."
    )
    WRONG_ADDRESS = "This is not how Confluence answers for an unknown id: check the name of the site or the cloud id."
    RUN_ELSEWHERE = (
        "An identity provider runs this group: change its members there; a change made here is refused or undone."
    )
    NO_ACCESS = "The account has no access to Confluence on this site, or the credentials did not arrive: check both."
