"""One call to Amazon's Selling Partner API: its rate, its token, its errors.

What belongs here: the table of operations with their rates, Login with Amazon, Amazon's own error codes. What does not:
retries and limits in general (channels/http/session.py), which operations are called (orders/reading.py,
inventory/listings.py, inventory/quantities.py, content/texts.py, fulfilment/shipments.py, inbound/fba_stock.py,
inbound/inbound_plans.py, returns/refund_reading.py, returns/return_reports.py).

Requests carry a Login with Amazon access token only. They are not signed: since 2 October 2023 the API needs neither
AWS IAM nor Signature Version 4 and ignores a signature. A restricted data token is not needed either: with v2026-01-01
personal data depends on the application's roles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from copy import copy
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ....core.errors import CredentialError, ProtocolError, SettingsError
from ....core.instruments import Instruments
from ....core.legible import decode_as, where
from ....core.throttle import soften
from ....core.words import Words
from ...http.call import Options, WriteMethod
from ...http.session import HttpSession, Repeat, Response, Said, TokenAuth
from ...http.throttle import BucketStore, Priority, Rate, TokenStore
from ..settings import SELLER_NEEDED, Settings
from . import payloads

# Default usage plans from the API's own descriptions (calls a second, burst). The header x-amzn-RateLimit-Limit of an
# answer states what the account really has.
RATES: dict[str, Rate] = {
    "searchOrders": Rate(0.0056, 20),
    "getOrder": Rate(0.5, 30),
    "confirmShipment": Rate(2, 10),
    "listTransactions": Rate(0.5, 10),
    "getMarketplaceParticipations": Rate(0.016, 15),
    "searchListingsItems": Rate(5, 5),
    "getListingsItem": Rate(5, 10),
    "patchListingsItem": Rate(5, 5),
    "putListingsItem": Rate(5, 10),
    "searchCatalogItems": Rate(2, 2),
    "getInventorySummaries": Rate(2, 2),
    "getShipments": Rate(2, 30),
    "getShipmentItemsByShipmentId": Rate(2, 30),
    "getLabels": Rate(2, 30),
    "listInboundPlans": Rate(2, 6),
    "createInboundPlan": Rate(2, 2),
    "getInboundPlan": Rate(2, 6),
    "cancelInboundPlan": Rate(2, 2),
    "generatePackingOptions": Rate(2, 2),
    "listPackingOptions": Rate(2, 6),
    "listPackingGroupItems": Rate(2, 30),
    "confirmPackingOption": Rate(2, 2),
    "setPackingInformation": Rate(2, 2),
    "listInboundPlanBoxes": Rate(2, 30),
    "generatePlacementOptions": Rate(2, 2),
    "listPlacementOptions": Rate(2, 6),
    "confirmPlacementOption": Rate(2, 2),
    "getShipment": Rate(2, 6),
    "generateTransportationOptions": Rate(2, 2),
    "listTransportationOptions": Rate(2, 6),
    "confirmTransportationOptions": Rate(2, 2),
    "generateDeliveryWindowOptions": Rate(2, 30),
    "listDeliveryWindowOptions": Rate(2, 30),
    "confirmDeliveryWindowOptions": Rate(2, 30),
    "listShipmentBoxes": Rate(2, 30),
    "listPrepDetails": Rate(2, 2),  # whose description names none
    "setPrepDetails": Rate(2, 30),
    "createMarketplaceItemLabels": Rate(2, 30),
    "getInboundOperationStatus": Rate(2, 6),
    "previewListingsItem": Rate(1, 1),  # patchListingsItem with VALIDATION_PREVIEW
    "getDefinitionsProductType": Rate(5, 10),
    "getReports": Rate(0.0222, 10),
    "createReport": Rate(0.0167, 15),
    "getReport": Rate(2, 15),
    "getReportDocument": Rate(0.0167, 15),
    "createFeedDocument": Rate(0.5, 15),
    # Amazon grants 15 calls at once for feeds in general, but only five JSON_LISTINGS_FEED in five minutes.
    "createFeed": Rate(0.0083, 5),
    "getFeeds": Rate(0.0222, 10),
    "getFeed": Rate(2, 15),
    "getFeedDocument": Rate(0.0222, 10),
    "getDestinations": Rate(1, 5),
    "createDestination": Rate(1, 5),
    "getSubscription": Rate(1, 5),
    "createSubscription": Rate(1, 5),
    "deleteSubscriptionById": Rate(1, 5),
}

FIXED = frozenset(("previewListingsItem",))  # whose answers may state the rate of another operation

# Amazon's codes in our words: of the APIs, of Login with Amazon, and of issues with a listing.
MEANINGS = {
    "InvalidInput": "a value that Amazon does not take, as a time to come where this machine's clock is fast",
    "QuotaExceeded": "the rate limit is used up",
    "Unauthorized": "the app's roles or the seller's authorisation do not suffice",
    "NotFound": "there is no such object",
    "invalid_grant": "the refresh token is revoked or expired",
    "invalid_client": "the client id or the client secret is wrong",
    "unauthorized_client": "the app may not log in this way",
    "5461": "the account may not sell this brand",
    "8541": "the listing's data contradicts Amazon's catalogue",
    "13013": "Amazon has no such SKU of yours",
    "90220": "a required attribute is missing",
}

NOTIFICATIONS_SCOPE = "sellingpartnerapi::notifications"
FEEDS_PATH = "/feeds/2021-06-30"
TRANSACTIONS = "/finances/2024-06-19/transactions"

# Another process forgets a learned rate when Amazon refuses a call; a rate that is still stated is stored again then.
RELEARNED_SECONDS = 600.0

T = TypeVar("T")


class Api:
    """Calls of one account. Every call may raise TransientError, CredentialError, ProtocolError, PermanentError."""

    def __init__(
        self,
        settings: Settings,
        buckets: BucketStore,
        tokens: TokenStore,
        instruments: Instruments,
    ) -> None:
        self.name, self.settings = settings.name, settings
        self.now, self.clock, self.sleep = instruments.now, instruments.clock, instruments.sleep
        self._buckets, self._instruments = buckets, instruments
        self._learned: dict[str, tuple[float, float]] = {}  # operation -> (its stated rate, when it was stored)
        self._session = self.session(settings.base_url, settings.token_url)
        self._auth = TokenAuth(tokens, f"{settings.name}:lwa", self._mint, "x-amz-access-token")
        key = f"{settings.name}:lwa:application"
        self._application = TokenAuth(tokens, key, self._mint_application, "x-amz-access-token")
        self._priority = Priority.ORDERS

    def serving(self, priority: Priority) -> Api:
        """The same account, for calls of another class: they leave others what those need of a shared limit."""
        other = copy(self)
        other._priority = priority
        return other

    def as_application(self) -> Api:
        """The same account, for calls that Amazon calls grantless: by a token of the application, not the seller's."""
        other = copy(self)
        other._auth = self._application
        return other

    def session(self, *hosts: str) -> HttpSession:
        """A session of this account that may call these hosts and no other."""
        named = self.settings.named_hosts
        return HttpSession(self.name, hosts, self._buckets, self._instruments, named=named, describe=describe)

    def call(
        self,
        operation: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        ok: Collection[int] = (200,),
        max_wait: float | None = None,
        leaves: float = 0.0,
    ) -> Response:
        """Call an operation by GET. leaves: calls of its limit that more urgent ones may need."""
        url = self.settings.base_url + path
        options: Options = {"params": params, "max_wait": max_wait, "ok": ok, "need": 1 + leaves if leaves else 0.0}
        return self._call_with_token(
            operation, options, lambda ready: self._session.get(url, operation=operation, **ready)
        )

    def send(
        self,
        method: WriteMethod,
        operation: str,
        path: str,
        json: Any,
        *,
        repeat: Repeat,
        params: Mapping[str, str] | None = None,
        ok: Collection[int] = (200,),
    ) -> Response:
        url = self.settings.base_url + path
        options: Options = {"params": params, "json": json, "ok": ok}
        return self._call_with_token(
            operation,
            options,
            lambda ready: self._session.send(method, url, operation=operation, repeat=repeat, **ready),
        )

    def _call_with_token(self, operation: str, options: Options, call: Callable[[Options], Response]) -> Response:
        """Amazon answers an expired access token with 403 instead of 401, so a 403 is checked for that too."""
        ok = options["ok"]
        for may_renew in (True, False):
            ready = options.copy()
            ready["rate"] = soften(RATES[operation])
            ready["priority"] = self._priority
            ready["headers"] = {"x-amz-date": f"{self.now():%Y%m%dT%H%M%SZ}"}
            ready["auth"] = self._auth
            ready["ok"] = (*ok, 403) if may_renew else ok
            response = call(ready)
            self._learn_rate(operation, response)
            if response.status != 403:
                break
            if not _is_token_refused(response):
                answer = describe(response)
                raise CredentialError(
                    f"{self.name}: {operation} got 403 {answer.named}: the application lacks the role for "
                    "it, or the seller's authorisation ended; check both in Seller Central.",
                    words=Words(answer.text),
                )
            self._auth.renew()
        return response

    def _learn_rate(self, operation: str, response: Response) -> None:
        """Store the rate that an answer states, for all processes: Amazon grants large sellers more."""
        try:
            per_second = float(response.headers.get("x-amzn-RateLimit-Limit", ""))
        except ValueError:
            return
        if operation in FIXED:
            return
        default = RATES[operation]
        stated, at = self._learned.get(operation, (default.per_second, math.inf))
        if not 0 < per_second < 1000 or (per_second == stated and self.clock() - at < RELEARNED_SECONDS):
            return
        self._session.learn(operation, soften(Rate(per_second, default.burst)))
        self._learned[operation] = per_second, self.clock()

    def _mint(self) -> tuple[str, float]:
        refresh_token = self.settings.credentials.refresh_token.value()
        return self._mint_by({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def _mint_application(self) -> tuple[str, float]:
        return self._mint_by({"grant_type": "client_credentials", "scope": NOTIFICATIONS_SCOPE})

    def _mint_by(self, grant: Mapping[str, str]) -> tuple[str, float]:
        credentials = self.settings.credentials
        client = {"client_id": credentials.client_id.value(), "client_secret": credentials.client_secret.value()}
        response = self._session.send(
            "POST",
            self.settings.token_url,
            operation="token",
            repeat=Repeat.STATE,  # a new access token leaves older ones and the refresh token valid
            headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
            data=urlencode({**grant, **client}).encode(),
            describe=_describe_token_error,
        )
        token = decode(response, payloads.AccessToken)
        return token.access_token, token.expires_in


def decode(response: Response, shape: type[T]) -> T:
    """The answer's body. Raises ProtocolError with the path of the wrong field, never with a value."""
    try:
        return decode_as(shape, response.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(
            f"The answer to {response.operation} is not shaped as Amazon's API says, at {where(error)}."
        ) from None


def errors(response: Response) -> list[payloads.Error]:
    try:
        return msgspec.json.decode(response.body, type=payloads.ErrorList).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def describe(response: Response) -> Said:
    problems = errors(response)
    text = "; ".join(f"{error.code} {error.message}" for error in problems)
    return Said(tuple(error.code for error in problems), text, MEANINGS)


def _describe_token_error(response: Response) -> Said:
    return Said((msgspec.json.decode(response.body, type=payloads.TokenError).error,), "", MEANINGS)


def _is_token_refused(response: Response) -> bool:
    return any("access token" in f"{error.message} {error.details or ''}".lower() for error in errors(response))


def items_path(api: Api) -> str:
    """The path of the seller's listings. Raises SettingsError without a seller id."""
    if not api.settings.seller_id:
        raise SettingsError(f"channels[{api.name}].seller_id is missing, without which {SELLER_NEEDED}")
    return f"/listings/2021-08-01/items/{quote(api.settings.seller_id, safe='')}"
