"""The tap as a command: the files that it is given, `--discover`, `--test`, and the run."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from singer_sdk.tap_base import Tap

from tap_sfsource.cli import TapCommand, check_config_file, read_input, redact_logs
from tap_sfsource.errors import DiscoveryError
from tap_sfsource.singer.sdk import SDKTap

if TYPE_CHECKING:
    import click

    from tap_sfsource.cli import Mask


class CommandTap(SDKTap):
    """What a tap does on its command line."""

    @property
    def mask(self) -> Mask:
        """Blanks the secrets of the settings out of texts."""
        raise NotImplementedError

    def run(self) -> None:
        """Sync, and end as the run went."""
        raise NotImplementedError

    def print_catalog(self) -> None:
        """Print the catalog."""
        raise NotImplementedError

    def check_connection(self) -> bool:
        """Test the connection and the user's permissions."""
        raise NotImplementedError

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run the tap's command line."""
        super(Tap, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        tap = cls._from_command_line(
            config, state=read_input("state", state), catalog=read_input("catalog", catalog)
        )
        try:
            tap.run()
        except DiscoveryError:
            # Meltano keeps the file for the next run, which would fail likewise.
            with contextlib.suppress(OSError):
                Path(catalog.name if catalog else "").unlink()
            raise

    @classmethod
    def _from_command_line(cls, config: Any, **kwargs: Any) -> Self:
        """Make a tap whose log hides the secrets of its settings."""
        tap = cls(
            config=config.config if config else {},
            parse_env_config=bool(config and config.parse_env),
            setup_mapper=False,
            **kwargs,
        )
        redact_logs(tap.mask)
        return tap

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the configuration files.

        Raises:
            ConfigError: One cannot be read, or holds no JSON object.
        """
        for path in value:
            if path != "ENV":
                check_config_file(path)
        return super().cb_config(ctx, param, value)

    @classmethod
    def cb_discover(cls, ctx: click.Context, param: click.Option, value: bool) -> None:  # noqa: ARG003
        """Print the catalog and end."""
        if value:
            cls._from_command_line(ctx.params.get("config")).print_catalog()
            ctx.exit()

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Test the connection and the user's permissions; `--test=schema` prints schemas, as the SDK does."""
        if value != "all":
            super().cb_test(ctx, param, value)
            return
        ctx.exit(0 if cls._from_command_line(ctx.params.get("config")).check_connection() else 1)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Give the command line, with errors in one line and true exit statuses."""
        command = super().get_singer_command()
        return TapCommand(
            name=command.name,
            callback=command.callback,
            context_settings=command.context_settings,
            params=command.params,
            help=command.help,
            logger=cls.logger,
        )
