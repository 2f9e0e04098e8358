"""The SDK's names that are not meant for plugins, or that differ between its versions: nowhere else are they used.

Works with singer-sdk 0.54 and 0.55.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.helpers.capabilities import BATCH_CONFIG, PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import PluginBase
from singer_sdk.tap_base import Tap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.singerlib import Catalog

CAPABILITIES: list[CapabilitiesEnum] = [
    TapCapabilities.CATALOG,
    TapCapabilities.STATE,
    TapCapabilities.DISCOVER,
    PluginCapabilities.ACTIVATE_VERSION,
    PluginCapabilities.ABOUT,
    PluginCapabilities.STREAM_MAPS,
    PluginCapabilities.FLATTENING,
    PluginCapabilities.BATCH,
    PluginCapabilities.STRUCTURED_LOGGING,
]

_FORMATS = ["jsonl", "parquet"]
"""BATCH formats of the SDK; 0.54 lists them itself."""

_NO_SETTING = "emit_activate_version_messages"
"""0.55 adds this setting with the capability: this tap sends the message when it has to, and no setting changes that."""


class SDKTap(Tap):
    """The SDK's tap; what a subclass changes in it has a public name here."""

    capabilities: ClassVar[list[CapabilitiesEnum]] = CAPABILITIES  # type: ignore[misc, unused-ignore]

    def check_config(self, config: Mapping[str, Any]) -> None:
        """Check the configuration before the SDK does, whose messages show values."""

    def terminate(self, signum: int) -> None:
        """End by a signal."""
        raise NotImplementedError

    def catalog_of_run(self) -> Catalog:
        """What the run reads, as a catalog."""
        raise NotImplementedError

    @property
    def input_catalog(self) -> Catalog | None:
        """The catalog of the run, made once."""
        if self._input_catalog is None:
            self._input_catalog = self.catalog_of_run()
        return self._input_catalog

    def prepare_maps(self) -> None:
        """Read the stream maps of the configuration, and no schema of a stream."""
        PluginBase.setup_mapper(self)

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's settings; `batch_config` also takes csv, which hands Bulk pages on as they are."""
        batch_config = copy.deepcopy(BATCH_CONFIG["properties"]["batch_config"])
        batch_config["properties"]["encoding"]["properties"]["format"].setdefault("enum", [*_FORMATS]).append(
            "csv"
        )
        config_jsonschema["properties"].setdefault("batch_config", batch_config)
        super().append_builtin_config(config_jsonschema)
        config_jsonschema["properties"].pop(_NO_SETTING, None)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        if raise_errors:
            self.check_config(self._config)
        return super()._validate_config(raise_errors=raise_errors)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.terminate(signum)
