"""The section `fulfilment:`: which carrier a delivery method is, and what contradicts itself."""

from __future__ import annotations

import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.fulfilment.rules import FulfilmentRules, OtherCarrier
from commerce_pipelines_tests.doubles.channel import SETTINGS, parse


def test_a_delivery_method_is_a_code_or_an_explicit_other() -> None:
    rules = FulfilmentRules(carriers={" DHL  Paket": "DHL", "Bote": OtherCarrier(other="Hausbote")})
    assert rules.carrier_of("DHL Paket") == ("DHL", "")
    assert rules.carrier_of("Bote") == ("", "Hausbote")
    assert rules.carrier_of("Post") is None
    assert rules.carrier_of("") is None
    fallback = FulfilmentRules(carriers={"DHL Paket": "DHL", "": "GLS"})
    assert [fallback.carrier_of(method) for method in ("DHL Paket", "Post", "")] == [
        ("DHL", ""),
        ("GLS", ""),
        ("GLS", ""),
    ]


def test_what_contradicts_itself_is_refused_with_its_key() -> None:
    section = "fulfilment: {enabled: true, carriers: {DHL: ' ', Bote: {other: ''}}, hold_above: 0}, start_date:"
    with pytest.raises(SettingsError) as refused:
        parse(SETTINGS.replace("start_date:", section))
    for key in ("carriers['DHL']", "carriers['Bote']", "hold_above"):
        assert f"channels[shop_de].fulfilment.{key}" in str(refused.value)
    assert parse(SETTINGS).channel("shop_de").fulfilment.enabled is False
