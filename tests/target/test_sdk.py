"""The SDK's own target tests."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from singer_sdk.testing import get_target_test_class

from target_sfwarehouse.target import TargetSFWarehouse
from tests.fix_warehouse import plain_url

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG: dict[str, Any] = {}
"""Filled by the fixture before the first test: the SDK wants it when the class is made."""


@pytest.fixture(scope="class", autouse=True)
def _configured(warehouse_url: str) -> Iterator[None]:
    schema = f"test_{uuid.uuid4().hex[:12]}"
    CONFIG.update(sqlalchemy_url=warehouse_url, default_target_schema=schema)
    yield
    with psycopg.connect(plain_url(warehouse_url), autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


class TestSDKTargetTests(get_target_test_class(TargetSFWarehouse, config=CONFIG)):  # type: ignore[misc]
    """All of them, as the SDK has them."""
