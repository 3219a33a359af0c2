"""Which Amazon account the credentials open, and where it sells.

What belongs here: the seller's marketplaces, credentials that will expire. What does not: orders (orders/), listings
and quantities (inventory/).
"""

from __future__ import annotations

from datetime import date, timedelta

from ...core.errors import CredentialError, PermanentError, SettingsError
from ..capabilities import Account, AccountId
from .api.api import FEEDS_PATH, TRANSACTIONS, Api, decode, items_path
from .api.message_feeds import ADJUSTMENTS, FULFILMENTS
from .api.payloads import MarketplaceParticipation, MarketplaceParticipations

SUMMARIES = "/fba/inventory/v1/summaries"
PARTICIPATIONS = "/sellers/v1/marketplaceParticipations"


class AmazonAccount(Account):
    """One seller in one region. Every call may raise TransientError, CredentialError, ProtocolError, PermanentError."""

    def __init__(self, api: Api) -> None:
        self._api, self._settings = api, api.settings
        self._known_marketplaces: tuple[str, ...] = ()

    def probe(self) -> AccountId:
        """The account's stores. Raises SettingsError when the account does not sell on a configured marketplace.

        Amazon's API tells no seller id, so the account's id is the configured seller id, or none.
        """
        participations = self._read_participations()
        absent = [
            participation for participation in self._settings.marketplace_ids if participation not in participations
        ]
        if absent:
            raise SettingsError(
                f"channels[{self._api.name}].marketplaces: the account does not sell on {', '.join(absent)}; "
                f"it sells on {', '.join(participations) or 'no marketplace'}."
            )
        stores = (
            ", ".join(sorted({participation.store_name for participation in participations.values()} - {""}))
            or "unnamed store"
        )
        places = ", ".join(
            sorted(
                participation.marketplace.name or participation.marketplace.id
                for participation in participations.values()
            )
        )
        seller, region = self._settings.seller_id, self._settings.region
        return AccountId(
            account_id=f"{seller}:{region}" if seller else "",
            description=f"Amazon {region.upper()}: {stores} on {places}.",
        )

    def warnings(self, today: date) -> list[str]:
        return self._settings.warnings(today)

    def lacks(self) -> list[str]:
        """What keeps the account from publishing stock, refunds and Amazon's warehouses from being read or buyers from
        being paid back: a role, or the right seller_id."""
        return [
            *self._list_lacks_for_stock(), *self._list_lacks_for_refunds(), *self._list_lacks_for_feeds(),
            *self._list_lacks_for_warehouses(),
        ]  # fmt: skip

    def _list_lacks_for_stock(self) -> list[str]:
        if not self._settings.inventory.enabled:
            return []
        query = {"marketplaceIds": self.marketplaces()[0], "pageSize": "1"}
        try:
            self._api.call("searchListingsItems", items_path(self._api), query)
        except CredentialError:
            return ["the application may not read listings: give it the role Product Listing and authorise it again."]
        except PermanentError:
            return [f"channels[{self._api.name}].seller_id: Amazon shows no listings of {self._settings.seller_id}."]
        return []

    def _list_lacks_for_refunds(self) -> list[str]:
        if not self._settings.returns.enabled:
            return []
        posted_after = self._api.now() - timedelta(hours=1)
        query = {"postedAfter": posted_after.isoformat(timespec="seconds").replace("+00:00", "Z")}
        try:
            self._api.call("listTransactions", TRANSACTIONS, query)
        except CredentialError:
            return ["the application may not read refunds: give it the role Finance and Accounting and authorise it "
                    "again."]  # fmt: skip
        return []

    def _list_lacks_for_feeds(self) -> list[str]:
        """The list of feeds shows whether the application may send them; Amazon tells no role apart from that."""
        roles = {ADJUSTMENTS: "the roles Inventory and Order Tracking, and Finance and Accounting,",
                 FULFILMENTS: "the role Inventory and Order Tracking"}  # fmt: skip
        sent = [ADJUSTMENTS] if self._settings.refunding.enabled else []
        sent += [FULFILMENTS] if self._settings.tells_unnumbered else []
        for kind in sent:
            try:
                self._api.call("getFeeds", f"{FEEDS_PATH}/feeds", {"feedTypes": kind})
            except CredentialError:
                return [f"the application may not send feeds: give it {roles[kind]} and authorise it again."]
        return []

    def _list_lacks_for_warehouses(self) -> list[str]:
        if not self._settings.inbound.enabled:
            return []
        place = self.marketplaces()[0]
        query = {"granularityType": "Marketplace", "granularityId": place, "marketplaceIds": place}
        try:
            self._api.call("getInventorySummaries", SUMMARIES, {**query, "details": "true"})
        except CredentialError:
            return ["the application may not read what lies in Amazon's warehouses: give it the role Amazon "
                    "Fulfillment and authorise it again."]  # fmt: skip
        return []

    def marketplaces(self) -> tuple[str, ...]:
        """Ids of the configured marketplaces, else of all marketplaces that the account sells on."""
        if not self._known_marketplaces:  # read once, because Amazon allows one such call a minute
            self._known_marketplaces = self._settings.marketplace_ids or tuple(self._read_participations())
            if not self._known_marketplaces:
                raise CredentialError(
                    f"{self._api.name}: Amazon names no marketplace that the account sells on; open one in Seller "
                    "Central, or authorise the app with the right account."
                )
        return self._known_marketplaces

    def _read_participations(self) -> dict[str, MarketplaceParticipation]:
        response = self._api.call("getMarketplaceParticipations", PARTICIPATIONS)
        return {
            participation.marketplace.id: participation
            for participation in decode(response, MarketplaceParticipations).payload
            if participation.participation is None or participation.participation.is_participating
        }
