"""The header that carries an access token, and what happens when the token is refused.

What belongs here: the Auth protocol and its two implementations. What does not: how one marketplace mints a token (its
folder), where tokens are kept (warehouse/, memory.py).
"""

from __future__ import annotations

import threading
from typing import Protocol

from ...core.errors import CredentialError, PermanentError
from .throttle import TokenSource, TokenStore


class Auth(Protocol):
    def headers(self) -> dict[str, str]:
        """The headers that authenticate a call. May mint a token; raises CredentialError if the marketplace refuses
        to."""
        ...

    def renew(self) -> None:
        """The channel answered 401 to this thread's last `headers()`: get a new token, at most once per call."""
        ...


class StaticAuth:
    """A token that never changes (a Shopify custom app's). It cannot be renewed, so a 401 is final."""

    def __init__(self, header: str, value: str) -> None:
        self._headers = {header: value}

    def headers(self) -> dict[str, str]:
        return dict(self._headers)

    def renew(self) -> None:
        raise CredentialError("The access token was refused; issue a new one in the marketplace and store it.")


class TokenAuth:
    """An access token from the store, minted when needed: `<header>: <prefix><token>`.

    header is x-amz-access-token (Amazon), Authorization with prefix 'Bearer ' or X-EBAY-API-IAF-TOKEN (eBay),
    X-Shopify-Access-Token (Shopify).
    """

    def __init__(self, store: TokenStore, key: str, mint: TokenSource, header: str, prefix: str = "") -> None:
        self._store, self._key, self._mint = store, key, mint
        self._header, self._prefix = header, prefix
        # The token that this thread used last: only this token may be reported as rejected.
        self._sent = threading.local()

    def headers(self) -> dict[str, str]:
        return {self._header: self._prefix + self._get(None)}

    def renew(self) -> None:
        self._get(getattr(self._sent, "token", None))

    def _get(self, rejected: str | None) -> str:
        token = self._store.get(self._key, self._mint_once, rejected)
        self._sent.token = token
        return token

    def _mint_once(self) -> tuple[str, float]:
        try:
            return self._mint()
        except PermanentError as error:
            if type(error) is not PermanentError:
                raise
            # 400 invalid_grant and the like: the refresh token or the client is refused, and asking again changes
            # nothing.
            raise CredentialError(
                f"{error} The refresh token, client id or client secret of {self._key} is no longer accepted: "
                "authorise the app again and store the new ones.",
                words=error.words,
            ) from None
