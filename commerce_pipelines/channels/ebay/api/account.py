"""One eBay account over HTTP: its token, its limits, and how each API reports an error.

What belongs here: headers, eBay's error codes. What does not: how often (rates.py), which calls are made (the topics'
folders), retries and limits in general (channels/http/session.py).
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from copy import copy
from typing import Any, Literal, TypedDict, TypeVar
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import msgspec

from ....core.errors import CredentialError, PermanentError, ProtocolError, RateLimited, TransientError, UnknownOutcome
from ....core.instruments import Instruments
from ....core.legible import decode_as, where
from ....core.words import Words
from ...http.call import Daily, Options
from ...http.session import UNKNOWN, HttpSession, Repeat, Response, Said, TokenAuth
from ...http.throttle import BucketStore, Priority, Quota, Rate, TokenStore
from ..settings import TRADING_SCOPE, Settings
from . import payloads, trading_payloads, xml
from .rates import QUOTAS, RATES, TRADING_CALLS, TRADING_SHARES, build_trading_rates
from .signature import Signer

TRADING = "/ws/api.dll"
ORDERS = "/sell/fulfillment/v1/order"  # used by orders/, and by account.py to find the seller
COMPATIBILITY = 1379  # the version of the schema that the types follow
TOKEN_REFUSED = frozenset(("930", "931", "932", "16110", "17470", "21916984", "21917053"))
RESTARTS = 3  # how often a list that changed during its reading is read again
# Seconds without calls: 518 is the application's daily quota; 21919144 is too many calls for one seller within a
# quarter of a minute.
LIMIT_REACHED = {"518": 3_600.0, "21919144": 30.0}
QUOTA_USED_UP = 2001  # "Request limit has been reached for the resource": the daily quota of the REST APIs
EBAY_FAILED = frozenset(("248", "10007"))  # "Database Server Error", "Internal error to the application"

# eBay's codes in our words: of the Trading API, of the REST APIs, and of the token endpoint.
MEANINGS = {
    "17": "the listing is gone, or another seller's",
    "291": "the listing has ended",
    "515": "the listing takes no quantity of 0",
    "518": "the day's calls are used up",
    "931": "the token is not valid",
    "932": "the token has expired",
    "1001": "the access token is not valid",
    "1100": "the app lacks the scope",
    "2001": "the day's calls are used up",
    "21916750": "the listing has ended",
    "21919144": "too many calls in a short time",
    "25001": "eBay failed",
    "25002": "something is missing or wrong that eBay's own words name, as an item specific of the category",
    "25003": "the price is not valid",
    "25004": "the quantity is not valid",
    "25005": "the category is not valid",
    "25007": "the fulfillment policy is not valid",
    "25008": "the payment policy is not valid",
    "25009": "the return policy is not valid",
    "25713": "the item has no offer",
    "32100": "there is no such order",
    "32200": "the order has no such line",
    "32210": "a line is named twice",
    "32300": "the tracking number does not fit the carrier, or the carrier is not known",
    "32400": "the account is suspended",
    "32500": "the shipping date lies in the future or before the order",
    "32600": "a value that eBay does not take, as more units than are open",
    "34100": "the order has as many tracking numbers as it may",
    "34200": "the parcel mixes the Global Shipping Program with other lines",
    "34300": "lines of the Global Shipping Program are told one by one",
    "34911": "the order cannot be paid back",
    "34915": "the amount is more than the order's",
    "34918": "the order was not paid through eBay's managed payments",
    "34924": "the amount is more than is left of the line's",
    "34929": "the order cannot be paid back yet",
    "34500": "this parcel is there already, with other contents",
    "invalid_grant": "the refresh token is revoked or expired",
    "invalid_client": "the client id or the client secret is wrong",
    "invalid_scope": "the app was not granted these scopes",
}

T = TypeVar("T")


class _Limit(TypedDict):
    """The options of a call that say what it counts to."""

    rate: Rate | None
    daily: Daily | None
    priority: Priority


class Account:
    """Calls of one account. Every call may raise TransientError, CredentialError, ProtocolError, PermanentError."""

    def __init__(
        self,
        settings: Settings,
        buckets: BucketStore,
        tokens: TokenStore,
        instruments: Instruments,
    ) -> None:
        self.settings = settings
        where = f"channels[{settings.name}].signature"
        self.signer = Signer(settings.signature, instruments.now, where) if settings.signature else None
        hosts = (settings.base_url, settings.token_url, *([settings.media_url] if settings.uploads_pictures else []))
        self._session = HttpSession(
            settings.name, hosts, buckets, instruments,
            named=settings.named_hosts, describe=describe, used_up=is_used_up,
        )  # fmt: skip
        key = f"{settings.name}:ebay"  # both APIs take the same token
        self._bearer = TokenAuth(tokens, key, self._mint, "Authorization", "Bearer ")
        self._application = TokenAuth(tokens, f"{key}:application", self._mint_application, "Authorization", "Bearer ")
        self._iaf = TokenAuth(tokens, key, self._mint, "X-EBAY-API-IAF-TOKEN")
        self._rates = {**RATES, **build_trading_rates(settings)}
        self._budgets = {operation: Daily(name, Quota(calls)) for name, calls, operations in (
            *QUOTAS, (TRADING_CALLS, settings.trading_calls_per_day, TRADING_SHARES)
        ) for operation in operations}  # fmt: skip
        self._priority = Priority.ORDERS

    def serving(self, priority: Priority) -> Account:
        """The same account, for calls of another class: they leave others what those need of a shared limit."""
        other = copy(self)
        other._priority = priority
        return other

    def rest(
        self,
        operation: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        ok: Collection[int] = (200,),
        as_application: bool = False,
    ) -> Response:
        """as_application: with a token of the app itself, which some calls ask for in place of the seller's."""
        return self._session.get(
            self.settings.base_url + path,
            operation=operation,
            **self._limit(operation),
            params=params,
            headers={"Accept-Language": "en-US"},
            auth=self._application if as_application else self._bearer,
            ok=ok,
        )

    def administer(
        self, method: Literal["GET", "POST", "PUT", "DELETE"], operation: str, path: str, json: Any = None, *,
        application: bool = True, ok: Collection[int] = (200,), deadline: float = 60.0,
    ) -> Response:  # fmt: skip
        """A call about the application's notifications, which may be repeated. application: by the application's own
        token, which eBay gives to the keyset, and not by the seller's."""
        options: Options = {
            **self._limit(operation), "auth": self._application if application else self._bearer,
            "ok": ok, "deadline": deadline,
        }  # fmt: skip
        url = self.settings.base_url + path
        if method == "GET":
            return self._session.get(url, operation=operation, **options)
        if json is not None:
            options["json"] = json
        return self._session.send(method, url, operation=operation, repeat=Repeat.STATE, **options)

    def learn_quota(self, name: str, quota: Quota, left: float) -> None:
        """Record the calls of a day that eBay states, for all processes, and with them the pace of its operations."""
        self._session.learn(name, quota, left=left)
        for operation, daily in self._budgets.items():
            if daily.name == name:
                part, rate = quota.limit / daily.quota.limit, self._rates[operation]
                self._session.learn(operation, Rate(rate.per_second * part, rate.burst * part))

    def post(
        self, operation: str, path: str, json: Any, *, repeat: Repeat, ok: Collection[int] = (200,),
        signed: bool = False, language: str = "en-US",
    ) -> Response:  # fmt: skip
        """json: None to send no body. signed: with the seller's digital signature, where the settings have a key for
        it. language: of the texts, as de-DE."""
        body = b"" if json is None else msgspec.json.encode(json)
        headers = {"Accept-Language": "en-US", "Content-Language": language, "Content-Type": "application/json"}
        if signed and self.signer:
            headers |= self.signer.sign("POST", urlsplit(self.settings.base_url).netloc, path, body)
        return self._session.send(
            "POST",
            self.settings.base_url + path,
            operation=operation,
            repeat=repeat,
            **self._limit(operation),
            headers=headers,
            data=body,  # exactly the bytes that are signed
            auth=self._bearer,
            ok=ok,
        )

    def put(
        self, operation: str, path: str, json: Any, *, repeat: Repeat, language: str, ok: Collection[int] = (200,)
    ) -> Response:  # fmt: skip
        """Replace an object as a whole. language: of its texts, as de-DE."""
        headers = {"Accept-Language": "en-US", "Content-Language": language, "Content-Type": "application/json"}
        return self._session.send(
            "PUT", self.settings.base_url + path, operation=operation, repeat=repeat, **self._limit(operation),
            headers=headers, data=msgspec.json.encode(json), auth=self._bearer, ok=ok,
        )  # fmt: skip

    def upload(self, operation: str, path: str, body: bytes, kind: str) -> Response:
        """Upload a file, which may be repeated: what is shown nowhere goes by itself. kind: its Content-Type."""
        return self._session.send(
            "POST", self.settings.media_url + path, operation=operation, repeat=Repeat.STATE, **self._limit(operation),
            headers={"Accept-Language": "en-US", "Content-Type": kind}, data=body, auth=self._bearer, ok=(200, 201),
            deadline=120.0,
        )  # fmt: skip

    def trading(self, call: str, content: Mapping[str, Any], *, repeat: Repeat, partial: bool = False) -> ET.Element:
        """The answer's root element. Every call is a POST, and eBay answers 200 whatever happened; `Ack` tells the
        result. partial: also return an answer of which parts failed; the caller reads its `Errors`."""
        body = xml.build(f"{call}Request", content)
        for may_renew in (True, False):
            response = self._session.send(
                "POST",
                self.settings.base_url + TRADING,
                operation=call,
                repeat=repeat,
                **self._limit(call),
                headers={
                    "X-EBAY-API-CALL-NAME": call,
                    "X-EBAY-API-SITEID": str(self.settings.home.site),
                    "X-EBAY-API-COMPATIBILITY-LEVEL": str(COMPATIBILITY),
                    "Content-Type": "text/xml; charset=utf-8",
                    "Accept": "text/xml",
                },
                data=body,
                auth=self._iaf,
            )
            try:
                root = xml.parse(response.body)
                answer = trading_payloads.read_answer(root, trading_payloads.Answer, call)
            except ProtocolError:
                if repeat is Repeat.NEVER:
                    raise UnknownOutcome(f"{self.settings.name}: {call} got half an answer: {UNKNOWN}") from None
                raise
            if answer.Ack in ("Success", "Warning"):
                return root
            codes = {error.ErrorCode for error in answer.Errors}
            if may_renew and codes & TOKEN_REFUSED:
                self._iaf.renew()
                continue
            if partial and not codes & (TOKEN_REFUSED | LIMIT_REACHED.keys()):
                return root
            raise self._build_refusal(call, answer, repeat)
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _limit(self, operation: str) -> _Limit:
        return {
            "rate": self._rates.get(operation),
            "daily": self._budgets.get(operation),
            "priority": self._priority,
        }

    def decode(self, response: Response, shape: type[T]) -> T:
        """The body as `shape`. Raises ProtocolError with the path of the wrong field."""
        try:
            return decode_as(shape, response.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProtocolError(
                f"The answer to {response.operation} is not shaped as eBay's API says, at {where(error)}."
            ) from None

    def refused(self, response: Response) -> PermanentError:
        """The error for a 400, whose meaning does not depend on the call."""
        answer = describe(response)
        return PermanentError(
            f"{self.settings.name}: {response.operation} got {response.status} {answer.named}: the request is refused.",
            words=Words(answer.text),
        )

    def _build_refusal(self, call: str, answer: trading_payloads.Answer, repeat: Repeat) -> Exception:
        codes = {error.ErrorCode for error in answer.Errors}
        refusal = Said(
            tuple(error.ErrorCode for error in answer.Errors),
            "; ".join(f"{error.ErrorCode} {error.LongMessage or error.ShortMessage}" for error in answer.Errors),
            MEANINGS,
        )
        message, words = f"{self.settings.name}: {call} got {refusal.named or answer.Ack}", Words(refusal.text)
        if codes & TOKEN_REFUSED:
            return CredentialError(
                f"{message}: the token is refused; consent again and store the refresh token.", words=words
            )
        if reached := codes & LIMIT_REACHED.keys():
            wait = max(LIMIT_REACHED[code] for code in reached)
            self._session.close(call, wait)
            return RateLimited(
                f"{message}: the call limit is used up; it will be tried again later.", wait=wait, words=words
            )
        if any(is_passing(error) for error in answer.Errors) or answer.Ack == "PartialFailure":
            if repeat is Repeat.NEVER:
                return UnknownOutcome(f"{message}: {UNKNOWN}", words=words)
            return TransientError(f"{message}: eBay failed; it will be tried again later.", words=words)
        return PermanentError(f"{message}: the request is refused.", words=words)

    def _mint(self) -> tuple[str, float]:
        refresh_token = self.settings.credentials.refresh_token.value()
        return self._mint_by({"grant_type": "refresh_token", "refresh_token": refresh_token,
                              "scope": " ".join(self.settings.scopes)})  # fmt: skip

    def _mint_application(self) -> tuple[str, float]:
        return self._mint_by({"grant_type": "client_credentials", "scope": TRADING_SCOPE})

    def _mint_by(self, form: Mapping[str, str]) -> tuple[str, float]:
        credentials = self.settings.credentials
        client = f"{credentials.client_id.value()}:{credentials.client_secret.value()}"
        response = self._session.send(
            "POST",
            self.settings.token_url,
            operation="token",
            repeat=Repeat.STATE,  # a new access token leaves older ones and the refresh token valid
            headers={
                "Authorization": "Basic " + base64.b64encode(client.encode()).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            data=urlencode(form).encode(),
            describe=_describe_token_error,
        )
        token = self.decode(response, payloads.AccessToken)
        return token.access_token, token.expires_in


def is_passing(error: trading_payloads.Error) -> bool:
    """Whether the failure is on eBay's side, so that the same call may succeed later."""
    return error.ErrorCode in EBAY_FAILED or error.ErrorClassification == "SystemError"


def is_used_up(response: Response) -> bool:
    """Whether a 429 means eBay's daily quota (error 2001). eBay's gateways send a 429 too, but without an error of the
    API."""
    try:
        errors = msgspec.json.decode(response.body, type=payloads.Errors).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return any(error.error_id == QUOTA_USED_UP for error in errors)


def describe(response: Response) -> Said:
    errors = msgspec.json.decode(response.body, type=payloads.Errors).errors
    codes = tuple(str(error.error_id) for error in errors)
    text = "; ".join(f"{error.error_id} {error.long_message or error.message}" for error in errors)
    return Said(codes, text, MEANINGS)


def _describe_token_error(response: Response) -> Said:
    error = msgspec.json.decode(response.body, type=payloads.TokenError)
    return Said((error.error,), error.error_description, MEANINGS)
