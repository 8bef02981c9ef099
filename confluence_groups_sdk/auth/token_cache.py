"""The tokens of a store, kept in memory so that not every call loads them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .._support.log import logger
from .token_store import Tokens, TokenStore


class TokenCache:
    """Gives access to a token store. If saving fails, the tokens stay in memory and are saved at the next load.

    Args:
        store: the store.

    Attributes:
        current: the last tokens that were loaded or saved, None before the first.
    """

    def __init__(self, store: TokenStore) -> None:
        self.current: Tokens | None = None
        self._store = store
        self._unsaved: tuple[Tokens, Tokens] | None = None  # new tokens, and the spent ones they replace
        self._thread_lock = threading.Lock()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other threads from this object and, by the store's lock, other users from the store."""
        with self._thread_lock, self._store.lock():
            yield

    def load(self) -> Tokens | None:
        """Load the tokens, under the lock; first save those that could not be saved before."""
        stored = self._store.load()
        if self._unsaved is not None:
            tokens, spent = self._unsaved
            # If the store now has other tokens, the user has consented again; if it has none, the user has logged out.
            if stored is not None and stored.refresh_token == spent.refresh_token:
                self._store.save(tokens)
                stored = tokens
            self._unsaved = None
        return stored

    def save(self, tokens: Tokens, spent: Tokens) -> None:
        """Save new tokens, under the lock, and only then use them.

        Args:
            tokens: the new tokens.
            spent: the tokens that were refreshed.
        """
        self._unsaved = tokens, spent
        try:
            self._store.save(tokens)
        except Exception:
            logger.error("OAuth 2.0: new tokens could not be saved and are not used; the next call tries again")
            raise
        self._unsaved = None
        self.current = tokens
