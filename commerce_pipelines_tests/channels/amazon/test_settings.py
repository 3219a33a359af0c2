"""Amazon's part of commerce.yaml."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.amazon.settings import Settings
from commerce_pipelines.core.errors import SettingsError

DE = "A1PA6795UKMFR9"


class TestSettings:
    def settings(self, **keys: Any) -> Settings:
        secrets = {key: {"env": key.upper()} for key in ("client_id", "client_secret", "refresh_token")}
        return msgspec.convert({"kind": "amazon", "name": "amazon_eu", "credentials": secrets, **keys}, Settings)

    def test_defaults(self) -> None:
        settings = self.settings()
        assert settings.base_url == "https://sellingpartnerapi-eu.amazon.com"
        assert settings.token_url == "https://api.amazon.com/auth/o2/token"
        assert (settings.poll_seconds, settings.marketplace_ids) == (720, ())

    def test_overrides_and_names(self) -> None:
        settings = self.settings(
            endpoint="http://127.0.0.1:8080/", token_endpoint="http://127.0.0.1:8080/t", marketplaces=["de", DE, "UK"]
        )
        assert settings.base_url == "http://127.0.0.1:8080"
        assert settings.token_url == "http://127.0.0.1:8080/t"
        assert settings.marketplace_ids == (DE, "A1F83G8C2ARO7P")

    def test_a_queue_is_known_by_its_url(self) -> None:
        keys = {"access_key_id": {"env": "A"}, "secret_access_key": {"env": "B"}}
        url = "https://sqs.eu-central-1.amazonaws.com/123456789012/messages"
        settings = self.settings(notifications={"enabled": True, "queue_url": url, **keys})
        assert (settings.receives, settings.inbox) == (True, url)
        assert settings.notifications.queue.arn == "arn:aws:sqs:eu-central-1:123456789012:messages"
        (place,) = [place for place in settings.destinations() if "sqs" in place.address]
        assert (place.country, place.host) == ("DE", "sqs.eu-central-1.amazonaws.com")
        assert self.settings(notifications={"queue_url": url}).inbox == ""

    @pytest.mark.parametrize(
        ("keys", "says"),
        [
            ({}, r"notifications\.queue_url must be the URL of a queue"),
            ({"queue_url": "https://evil.example/123456789012/q"}, "must be the URL of a queue"),
            ({"queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo"}, "make a standard queue"),
            ({"queue_url": "http://sqs.eu-west-1.amazonaws.com/123456789012/q"}, "must be the URL of a queue"),
            ({"access_key_id": None}, r"notifications\.access_key_id is missing"),
        ],
    )
    def test_a_queue_that_cannot_be_read_is_refused(self, keys: dict[str, Any], says: str) -> None:
        secrets = {"access_key_id": {"env": "A"}, "secret_access_key": {"env": "B"}}
        with pytest.raises((SettingsError, msgspec.ValidationError), match=says):
            self.settings(notifications={"enabled": True, **secrets, **keys})

    @pytest.mark.parametrize(
        ("keys", "says"),
        [
            ({"marketplaces": ["US"]}, "belongs to the region na"),
            ({"marketplaces": ["Atlantis"]}, "neither a marketplace id nor a country code"),
            ({"marketplaces": [DE] * 51}, "at most 50"),
            ({"endpoint": "https://sellingpartnerapi-na.amazon.com"}, "does not serve the region eu"),
            ({"region": "fe", "marketplaces": ["DE"]}, "belongs to the region eu"),
        ],
    )
    def test_data_stays_in_its_region(self, keys: dict[str, Any], says: str) -> None:
        with pytest.raises((SettingsError, msgspec.ValidationError), match=says):
            self.settings(**keys)

    @pytest.mark.parametrize(
        ("today", "says"),
        [
            (date(2026, 3, 31), None),
            (date(2026, 4, 1), "expires in 90 days"),
            (date(2026, 5, 31), "expires in 30 days"),
            (date(2026, 6, 30), "is 180 days old"),
        ],
    )
    def test_an_ageing_secret_is_announced(self, today: date, says: str | None) -> None:
        warnings = self.settings(secret_rotated_on="2026-01-01").warnings(today)
        assert [(says or "") in warning for warning in warnings] == ([True] if says else [])
        assert self.settings().warnings(today) == []
