"""`commerce-pipelines check`: every setting, credential, right and mapping, tried once, one line each.

What belongs here: the list of what can be wrong before the first order. What does not: repairing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from ..channels.capabilities import Account
from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError
from ..domain.vat.decision import VatPolicy
from ..flows.identity import identify, may_publish, strangers
from ..resources.connections import Connections
from ..warehouse.shared.known_accounts import KnownAccount
from . import verifiers
from .access import list_flows
from .findings import Advice, Finding
from .whereabouts import outlets, whereabouts


def verify(connections: Connections) -> Iterator[Finding]:
    """Yields each finding as soon as it is known; a dead service is one finding, not the end of the list."""
    settings = connections.settings
    yield "settings", ""
    database = _try_call("database and master key", lambda: connections.vault)
    yield from database
    entered_database = not any(problem for _, problem in database)
    for of_all in verifiers.OF_ALL:
        yield from of_all(connections)
    entered = _try_call(f"Odoo at {settings.odoo.url}", lambda: connections.odoo.version())
    yield from entered
    odoo_answers = not any(problem for _, problem in entered)
    if odoo_answers:
        yield from _verify_odoo(connections)
    for name in strangers(connections) if entered_database else ():
        yield (
            f"records of a channel {name}, which commerce.yaml does not have; `commerce-pipelines channels rename "
            f"{name} NEW` renames them if it is called NEW now", ""
        )  # fmt: skip
    for channel in settings.channels:
        if entered_database:
            holder = may_publish if odoo_answers else identify
            yield from _try_call(f"{channel.name}: its account", partial(_identify, holder, connections, channel.name))
        yield from _try_account(connections, channel)
        yield from _verify_channel(connections, channel, entered_database, odoo_answers)
    yield from whereabouts(connections)
    if odoo_answers:
        yield from outlets(connections)


def _verify_channel(
    connections: Connections, channel: ChannelSettings, database: bool, odoo: bool
) -> Iterator[Finding]:
    """The findings of the table of verifiers for one channel, as far as its services answer."""
    tried = [*verifiers.OF_CHANNEL, *(verifiers.OF_ACCOUNT if database else ())]
    tried += [*verifiers.OF_ODOO, *verifiers.OF_DATABASE] if database and odoo else []
    for verifier in tried:
        yield from verifier(connections, channel)


def send_test(connections: Connections) -> Iterator[Finding]:
    """Send a test message to every target of `alerts`; one finding each."""
    from ..resources.alerts import alert

    targets = connections.settings.alerts.targets
    if not targets:
        yield "alerts.targets", "names no target, so nobody would get alerts; see commerce.example.yaml."
    for secret in targets:
        problems = alert([secret], "commerce_pipelines: a test", "This target gets the alerts.")
        yield f"alert sent to {secret.env}", " ".join(problems)


def _try_account(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """The credentials, and what will end soon: they themselves, or the API's version, as its answer says."""
    opened: list[Account] = []

    def probe() -> str:
        opened.append(connections.account(channel.name))
        return opened[0].probe().description

    yield from _try_call(f"{channel.name}: credentials", probe)
    for warning in (opened[0] if opened else channel).warnings(connections.instruments.now().date()):
        yield f"{channel.name}: dates", Advice(warning)


def _identify(holder: Callable[[Connections, str], KnownAccount], connections: Connections, name: str) -> str:
    account = holder(connections, name)
    return account.account_id or "the marketplace does not tell its id"


def _try_call(what: str, call: Callable[[], Any]) -> list[Finding]:
    try:
        sentence = call()
    except CommerceError as error:
        return [(what, str(error))]
    return [(f"{what} ({sentence})" if isinstance(sentence, str) and sentence else what, "")]


def _verify_odoo(connections: Connections) -> Iterator[Finding]:
    """The user's rights, and every name of Odoo that the settings mention."""
    from ..odoo.readiness import (
        find_excessive_rights,
        verify_company,
        verify_names,
        verify_oss,
        verify_rights,
    )  # fmt: skip
    from ..odoo.reference.api_keys import find_expiring_keys

    problems: list[str] = []
    try:
        flows = list_flows(connections.settings.channels)
        refused = verify_rights(connections.odoo, flows)
        for problem in refused or [""]:
            yield "Odoo: rights", problem
        for problem in find_excessive_rights(connections.odoo, flows):
            yield "Odoo: rights", Advice(problem)
        for problem in find_expiring_keys(connections.odoo, connections.instruments.now().date()):
            yield "Odoo: dates", Advice(problem)
        for company, channels in _group_by_company(connections).items():
            entered = _try_call(
                f"Odoo: company {company or 'of the user'}", partial(_ask_company, connections, channels)
            )
            if company or any(problem for _, problem in entered):
                yield from entered
            if not any(problem for _, problem in entered):
                odoo = connections.odoo_of(channels[0].name)
                policies = _list_policies(connections, channels)
                sellers = {key: policy.seller_country for key, policy in policies.items()}
                problems += [*verify_company(odoo, sellers), *verify_names(odoo, channels)]
                if connections.settings.odoo.create_missing and any(policy.oss for policy in policies.values()):
                    problems += verify_oss(odoo)
    except CommerceError as error:
        yield "Odoo: names", str(error)
        return
    for problem in problems:
        yield "Odoo: names", problem
    if not problems:
        yield "Odoo: teams, warehouses, carriers, analytic accounts, taxes", ""


def _group_by_company(connections: Connections) -> dict[str, list[ChannelSettings]]:
    """The channels by the company that they name; '' for those that name none."""
    channels: dict[str, list[ChannelSettings]] = {}
    for channel in connections.settings.channels:
        channels.setdefault(channel.company, []).append(channel)
    return channels


def _list_policies(connections: Connections, channels: Sequence[ChannelSettings]) -> dict[str, VatPolicy]:
    """The VAT policies that count for these channels, by their key in the file."""
    return {
        f"channels[{channel.name}].vat" if channel.vat else "vat": channel.vat or connections.settings.vat
        for channel in channels
    }


def _ask_company(connections: Connections, channels: Sequence[ChannelSettings]) -> str:
    connections.odoo_of(channels[0].name).who  # noqa: B018 - asks Odoo
    return ", ".join(channel.name for channel in channels)
