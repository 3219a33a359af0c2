"""A channel is one account, and an account belongs to one Odoo: both are recorded at first use and checked ever after.

The name of a channel is only a label. One account under two names would double every order; a copied settings file, a
restored database or a clone of Odoo would write to the live shops. So whoever writes asks here first.

What belongs here: asking the marketplace and Odoo who they are, comparing the answers with the record, and what a
person agrees to. What does not: the rows (warehouse/shared/known_accounts.py), the commands (cli/channels.py).
"""

from __future__ import annotations

import hmac
import os
from weakref import WeakKeyDictionary

import msgspec

from ..core.errors import PermanentError, SettingsError
from ..core.section import Secret
from ..odoo.reference.database import SIGNED, read_identity
from ..resources.connections import Connections
from ..settings.fingerprint import fingerprint_of_all
from ..warehouse.shared.known_accounts import KnownAccount, Place


def identify(connections: Connections, name: str) -> KnownAccount:
    """The channel's account, recorded at its first use. The marketplace is asked only then, and when the credentials
    are new.

    Raises SettingsError where another channel is the same account, or where the credentials open another account than
    before; the channel's own errors where the marketplace has to be asked.
    """
    from ..warehouse.shared import known_accounts

    kind, credentials = kind_of(connections, name), credentials_digest(connections, name)
    with connections.warehouse.transaction() as connection:
        kept = {account.channel: account for account in known_accounts.read_all(connection)}
    account = kept.get(name)
    if account is not None and account.credentials == credentials:
        return account
    account_id = _ask_account(connections, name)
    for other in kept.values():
        same = other.credentials == credentials or (account_id and other.account_id == account_id)
        if other.channel != name and other.kind == kind and same:
            raise SettingsError(_describe_same_account(connections, name, other.channel))
    with connections.warehouse.transaction() as connection:
        if account is None:
            known_accounts.add(connection, name, kind, account_id, credentials)
        elif account_id and account.account_id and account.account_id != account_id:
            raise SettingsError(
                f"channels[{name}]: the credentials open another account than before. Put the old ones back, or give "
                "the new account a channel of its own, with another name."
            )
        else:
            known_accounts.set_credentials(connection, name, account_id or account.account_id, credentials)
        return next(row for row in known_accounts.read_all(connection) if row.channel == name)


def may_write_odoo(connections: Connections, name: str) -> KnownAccount:
    """Whether orders of this channel may be written to the Odoo of the settings; records this Odoo at first use.

    Raises PermanentError where orders of this account were written to another Odoo before and nobody has agreed to this
    one, and where settings changed that have to be rehearsed first.
    """
    _check_agreed(connections)
    account, place = identify(connections, name), find_place(connections, name)
    kept = account.place
    if kept is not None and (problem := difference(kept, place)):
        raise PermanentError(
            f"Nothing is written: {name} was kept in step with another Odoo ({problem}). If this one takes its place, "
            f"run `commerce-pipelines channels agree {name}`; if this is a copy, leave it."
        )
    # An identity that passes as no difference is new if the kept one is missing or is what another kind of user sees.
    if kept is None or place.uuid not in ("", kept.uuid):
        return _record_place(connections, account, place)
    return account


def _check_agreed(connections: Connections) -> None:
    """With `rehearsal_required`, only settings that a person agreed to may write. Those in use when the key was
    switched on count as agreed."""
    if not connections.settings.rehearsal_required:
        return
    from ..warehouse.rehearsal import rehearsal_rows

    stamp = fingerprint_of_all(connections.settings)
    with connections.warehouse.transaction() as connection:
        if not rehearsal_rows.has_agreed(connection):
            rehearsal_rows.agree(connection, stamp, "the first settings", connections.instruments.now(), None)
        agreed = rehearsal_rows.is_agreed(connection, stamp)
    if not agreed:
        raise PermanentError(
            "Nothing is written: the rules in commerce.yaml are not those that somebody agreed to, and "
            "`rehearsal_required` is true. Put the old file back and run `commerce-pipelines rehearse --settings FILE` "
            "with the new one, then `commerce-pipelines release --rehearsal N` with its number."
        )


def _record_place(connections: Connections, account: KnownAccount, place: Place) -> KnownAccount:
    """Record this Odoo as the account's. Nobody has to agree to the first one, unless it holds orders with our external
    ids that this database does not know: another installation wrote them, or this database has lost them."""
    from ..odoo.sales.booked import holds_orders_of
    from ..warehouse.shared import known_accounts

    first = account.place is None
    in_odoo = first and holds_orders_of(connections.odoo_of(account.channel), account.label)
    with connections.warehouse.transaction() as connection:
        agreed = (not in_odoo or known_accounts.has_loaded(connection, account.channel)) if first else account.agreed
        known_accounts.set_place(connection, account.channel, place, agreed=agreed)
    return msgspec.structs.replace(account, place=place, agreed=agreed)


def may_publish(connections: Connections, name: str) -> KnownAccount:
    """Whether anything may be published to the channel.

    Raises PermanentError as `may_write_odoo` does, and where this database found orders of the channel in Odoo that
    another installation had written, and nobody has agreed to take over from that installation.
    """
    account = may_write_odoo(connections, name)
    if not account.agreed:
        raise PermanentError(
            f"Nothing is published to {name}: Odoo holds orders of it that this database knows nothing of, so another "
            f"installation is at work, or this one lost its database. Run `commerce-pipelines channels agree {name}` "
            "where this one takes over."
        )
    return account


def agree(connections: Connections, name: str) -> Place:
    """A person agrees that this installation keeps the channel and the Odoo of the settings in step."""
    from ..warehouse.shared import known_accounts

    identify(connections, name)
    place = find_place(connections, name)
    with connections.warehouse.transaction() as connection:
        known_accounts.set_place(connection, name, place, agreed=True)
    return place


def rename(connections: Connections, old: str, new: str) -> int:
    """Give the records of a channel its new name in commerce.yaml; returns how many tables were changed.

    Raises SettingsError where `new` is not in the settings, `old` is still in them, or another account uses either
    name.
    """
    from ..warehouse.shared import known_accounts

    names = [channel.name for channel in connections.settings.channels]
    if new not in names:
        raise SettingsError(f"commerce.yaml has no channel {new}: rename it there first.")
    if old in names:
        raise SettingsError(f"commerce.yaml still has a channel {old}: it cannot be {new} as well.")
    with connections.warehouse.lock("channels", wait=True), connections.warehouse.transaction() as connection:
        kept = known_accounts.channels_with_rows(connection)
        if old not in kept:
            raise SettingsError(f"There are no records of a channel {old}.")
        if new in kept:
            raise SettingsError(f"There are records of a channel {new} already; two channels cannot become one.")
        tables = known_accounts.rename(connection, old, new)
    return tables


def strangers(connections: Connections) -> list[str]:
    """Channels that have records and are missing in commerce.yaml."""
    from ..warehouse.shared import known_accounts

    with connections.warehouse.transaction() as connection:
        kept = known_accounts.channels_with_rows(connection)
    return sorted(kept - {channel.name for channel in connections.settings.channels})


def difference(kept: Place, place: Place) -> str:
    """How two Odoos differ, in words; '' if they are the same."""
    if kept.address != place.address:
        return f"at {kept.address}"
    if may_differ(kept.uuid, place.uuid) and kept.uuid != place.uuid:
        return "another database of that name"
    if kept.company is not None and place.company is not None and kept.company != place.company:
        return "another company in it"
    return ""


def may_differ(kept: str, identity: str) -> bool:
    """Whether two identities are of one kind, and so of two databases if they differ. An administrator's cannot be
    compared with another user's."""
    return bool(kept and identity) and kept.startswith(SIGNED) == identity.startswith(SIGNED)


def find_place(connections: Connections, name: str) -> Place:
    """The Odoo that the settings name, and the company in it that the channel belongs to; read once in a process."""
    memory, key = connections.warehouse.memory, f"odoo place {connections.settings.channel(name).company}"
    if key not in memory:
        memory[key] = _ask_place(connections, name)
    place: Place = memory[key]
    return place


def _ask_place(connections: Connections, name: str) -> Place:
    settings, odoo = connections.settings.odoo, connections.odoo_of(name)
    _, host, port = settings.address
    company = odoo.who.company_id
    return Place(f"{host}:{port}/{settings.database}", read_identity(odoo), company)


def kind_of(connections: Connections, name: str) -> str:
    return str(connections.settings.channel(name).__struct_config__.tag)


def credentials_digest(connections: Connections, name: str) -> str:
    """A keyed hash of the account's address and all its secrets. It changes with any of them."""
    channel = connections.settings.channel(name)
    names = _secret_names.setdefault(connections, {})
    if name not in names:
        names[name] = _list_secrets(channel)
    secrets = sorted(os.environ.get(variable, "") for variable in names[name])
    text = "\n".join((kind_of(connections, name), channel.endpoint, *secrets))
    return hmac.new(connections.vault.own_key("accounts"), text.encode(), "sha256").hexdigest()


def _ask_account(connections: Connections, name: str) -> str:
    """The account's id; '' where the marketplace does not tell it, so that only equal credentials identify the
    account."""
    try:
        return connections.channel(name).account.probe().account_id
    except PermanentError:
        return ""


_secret_names: WeakKeyDictionary[Connections, dict[str, list[str]]] = WeakKeyDictionary()  # looked for once a channel


def _list_secrets(value: object) -> list[str]:
    """The environment variables of all secrets in these settings."""
    if isinstance(value, Secret):
        return [value.env]
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        return [secret for part in value.values() for secret in _list_secrets(part)]
    if isinstance(value, (list, tuple)):
        return [secret for part in value for secret in _list_secrets(part)]
    return []


def _describe_same_account(connections: Connections, name: str, other: str) -> str:
    if any(channel.name == other for channel in connections.settings.channels):
        return f"channels[{name}] and channels[{other}] are one account: every order would come twice. Remove one."
    return (
        f"channels[{name}] is the account that was called {other}: run `commerce-pipelines channels rename {other} "
        f"{name}`, or call it {other} again."
    )
