"""From settings to GraphQL calls of one shop: hosts, access tokens.

What belongs here: which hosts are called, how a token is minted. What does not: one call (graphql.py).
"""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from ....core.errors import CredentialError, ProtocolError
from ....core.instruments import Instruments
from ...http.auth import Auth, StaticAuth, TokenAuth
from ...http.session import HttpSession, Repeat
from ...http.throttle import BucketStore, TokenStore
from ..settings import UPLOAD_HOST, Settings
from .bulk import FILES_HOST
from .graphql import GraphQL, describe

HEADER = "X-Shopify-Access-Token"


class Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 86_399.0


_tokens = msgspec.json.Decoder(Token)


def connect(
    settings: Settings, buckets: BucketStore, tokens: TokenStore, instruments: Instruments
) -> tuple[HttpSession, GraphQL]:
    """The shop's session and GraphQL calls. Makes no call yet. Reads the secret of a fixed access token."""
    base, token_url = settings.base_url, settings.token_url
    uploads = {UPLOAD_HOST} if settings.uploads_pictures else set()
    session = HttpSession(
        settings.name, {base, token_url, FILES_HOST, *uploads}, buckets, instruments, named=settings.named_hosts
    )
    auth: Auth
    if settings.credentials.access_token:
        auth = StaticAuth(HEADER, settings.credentials.access_token.value())
    else:
        auth = TokenAuth(tokens, f"shopify:{settings.name}", lambda: _mint(session, settings, token_url), HEADER)
    url = f"{base}/admin/api/{settings.api_version}/graphql.json"
    return session, GraphQL(session, url, auth, settings.api_version, instruments)


def _mint(session: HttpSession, settings: Settings, token_url: str) -> tuple[str, float]:
    keys = settings.credentials
    if keys.client_id is None or keys.client_secret is None:
        raise CredentialError(f"channels[{settings.name}].credentials lacks client_id and client_secret.")
    form = {
        "grant_type": "client_credentials",
        "client_id": keys.client_id.value(),
        "client_secret": keys.client_secret.value(),
    }
    response = session.send(
        "POST",
        token_url,
        operation="token",
        repeat=Repeat.STATE,  # a new access token leaves older ones valid
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        data=urlencode(form).encode(),
        describe=describe,
    )
    try:
        token = _tokens.decode(response.body)
    except msgspec.DecodeError:
        raise ProtocolError(f"{settings.name}: Shopify answered the token request without a token.") from None
    return token.access_token, token.expires_in
