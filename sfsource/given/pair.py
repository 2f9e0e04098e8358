"""Both halves with the settings that they have in a run."""

from __future__ import annotations

import functools
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sfsource.errors import SettingsMissingError
from tap_sfsource.config import Settings as TapSettings
from tap_sfsource.tap import TapSFSource
from target_sfwarehouse.masks import hide
from target_sfwarehouse.postgres.connect import connector
from target_sfwarehouse.target import TargetSFWarehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from sfsource.given.state import StateStore
    from target_sfwarehouse.config import Settings as TargetSettings


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep what signals do: the halves would take Ctrl-C to mean that a run is to end where it can go on."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@dataclass
class Pair:
    """The tap and the target, each read when it is first needed: a subcommand may need one of them only.

    Attributes:
        tap_config: Gives the tap's settings; None if it reads them from the environment. Raises SettingsMissingError.
        target_config: The same of the target.
        environment: Which environment of Meltano the settings are of, for messages; empty elsewhere.
        catalog_of_place: Gives the catalog of a run, if the place has one.
        given_catalog: The catalog that the user names.
        given_state: Where the state is.
    """

    tap_config: Callable[[], dict[str, Any] | None]
    target_config: Callable[[], dict[str, Any] | None]
    environment: str = ""
    catalog_of_place: Callable[[], dict[str, Any]] | None = None
    given_catalog: dict[str, Any] | None = None
    given_state: StateStore | None = None

    def tap_in(self, state: dict[str, Any]) -> TapSFSource:
        """The tap as in a run that begins with a state, which has asked Salesforce for nothing yet. Raises TapError."""
        return self._tap(self.catalog, state)

    @functools.cached_property
    def catalog(self) -> dict[str, Any] | None:
        """The catalog that a run gives the tap; None where its settings select."""
        if self.given_catalog is not None or self.catalog_of_place is None:
            return self.given_catalog
        return self.catalog_of_place()

    @functools.cached_property
    def tap_without_catalog(self) -> TapSFSource:
        """The tap as it discovers: every object of the org."""
        return self._tap(None)

    def _tap(self, catalog: dict[str, Any] | None, state: dict[str, Any] | None = None) -> TapSFSource:
        config = self.tap_config()
        with _signals_kept():
            tap = TapSFSource(
                config=config or {},
                catalog=catalog,
                state=state,
                setup_mapper=False,
                parse_env_config=config is None,
            )
        hide(*(str(tap.config[name]) for name in TapSettings.secrets() if tap.config.get(name)))
        return tap

    @functools.cached_property
    def target(self) -> TargetSFWarehouse:
        """The target, which has connected to nothing. Raises TargetError."""
        config = self.target_config()
        with _signals_kept():
            return TargetSFWarehouse(config=config or {}, parse_env_config=config is None)

    @property
    def target_settings(self) -> TargetSettings:
        """The target's checked settings. Raises TargetError."""
        return self.target.batcher.settings

    def connect(self) -> psycopg.Connection[Any]:
        """Connect to the warehouse, as the target does. Raises TargetError."""
        return connector(self.target_settings)()

    @property
    def schema(self) -> str:
        """The schema of the warehouse that has the tables."""
        return self.target_settings.target_schema

    @property
    def state(self) -> StateStore:
        """Where the tap's state is. Raises SettingsMissingError where nothing says it."""
        if self.given_state is None:
            raise SettingsMissingError("Nothing says where the state is: give --state FILE.")
        return self.given_state
