"""VAT numbers in the form that Odoo takes: with the state's prefix, and checked, because one bad number fails a whole
batch.

What belongs here: the check of form and check digits, and to whom a number belongs. What does not: what a valid number
means for tax (domain/vat/decision.py).
"""

from __future__ import annotations

from ...domain.keys import fold
from ...domain.sales.draft import SaleDraft
from ...domain.vat.territories import EU


def clean_vat(number: str, country: str) -> str | None:
    """The number in compact form, '' for none, None for a number that cannot be right.

    country: the buyer's, ISO code, for a number without prefix. A number of a country that python-stdnum does not know
    passes.
    """
    from stdnum import get_cc_module
    from stdnum.eu import vat
    from stdnum.exceptions import ValidationError

    text = _strip_number(number)
    if not text:
        return ""
    prefix = {"GR": "EL"}.get(country, country)
    state = {"EL": "GR"}.get(text[:2], text[:2])
    tries = [text, prefix + text] if prefix else [text]
    if state in EU or country in EU:
        for attempt in tries:
            if vat.is_valid(attempt):
                return str(vat.compact(attempt))
        return None
    module = get_cc_module(country.lower(), "vat") if country else None
    if module is None:
        return text
    try:
        valid = str(module.validate(text.removeprefix("GB") if country == "GB" else text))
    except ValidationError:
        return None
    return f"GB{valid}" if country == "GB" else valid


def same_number(number: str, other: str) -> bool:
    """Whether two numbers are the same, whatever their spelling; a national number may lack its state's prefix."""
    first, second = _strip_number(number), _strip_number(other)
    return bool(first and second) and (first.endswith(second) or second.endswith(first))


def _strip_number(number: str) -> str:
    return "".join(char for char in number.upper() if char.isalnum())


def bears_name(draft: SaleDraft, name: str) -> bool:
    """Whether an order's VAT number may be written to a contact of this name: the order must state the name, as the
    company or as the person who trades. An e-mail address alone is not enough, because anybody can claim one."""
    buyer, billing = draft.buyer, draft.billing
    named = [buyer.company, *((billing.company,) if billing else ())]
    named = [text for text in named if text.strip()] or [buyer.name, *((billing.name,) if billing else ())]
    return bool(name.strip()) and fold(name) in {fold(text) for text in named}
