"""The record of processing activities (GDPR Art. 30), as a page that is generated from the lists of personal fields.

What belongs here: the page. What does not: the lists (channels/*/personal.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .personal import LEGAL_BASES, PersonalFields

_HEAD = """# Records of processing

What a controller's record (GDPR Art. 30) says of the pipelines. Generated from `channels/*/personal.py`: a field that
is not listed here is not stored, and a test fails for one that a marketplace adds. Add to it who you are, your data
protection officer, and your own recipients; `commerce-pipelines check` lists where your data goes.

- **Purpose**: selling by marketplaces: delivering, invoicing, returns and refunds, accounting.
- **Whose data**: buyers, recipients of gifts and parcels, contact persons of companies.
- **Source**: the marketplace where the order was placed. Nothing is collected from the persons themselves.
- **Recipients**: Odoo, and whom Odoo sends data to; the marketplace itself (order and tracking numbers); whoever takes
  your alerts (order numbers). No other.
- **Transfers to third countries**: as `check` says; none with `privacy.residency: eu`, but order numbers to
  marketplaces that have one host for all the world.
- **Where stored**: the answer in `commerce.snapshots`, encrypted under a key of the person's own; what a document needs
  in Odoo (contact, addresses, order, invoice). Everything else holds a keyed hash.
- **How long**: the encrypted answers for `privacy.keep_days` after delivery (Amazon: 30); the contact in Odoo until the
  person is erased, by request or `privacy.forget_after_days` after the last order; the recipient of an invoice without
  PDF or XML for `privacy.invoice_years`; Dagster's history, which holds no personal data, for `privacy.history_days`
  ([privacy.md](privacy.md)).
- **Security**: [security.md](security.md).
"""


def render(lists: Iterable[PersonalFields]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for fields in lists for line in _write_list(fields))])


def _write_list(fields: PersonalFields) -> Iterator[str]:
    yield f"## {fields.answer}"
    yield ""
    if fields.kept:
        yield "| field | needed for | legal basis |"
        yield "| --- | --- | --- |"
    for path, uses in fields.kept.items():
        bases = "; ".join(dict.fromkeys(LEGAL_BASES[use] for use in uses))
        yield f"| `{path}` | {', '.join(uses)} | {bases} |"
    if not fields.kept:
        yield "No personal field but the order's number."
    yield ""
    if fields.cut:
        yield f"Cut before it is stored: {', '.join(f'`{path}`' for path in fields.cut)}."
        yield ""
