"""TLS by settings: from target-postgres's `ssl_*` to the parameters that libpq knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["tls_parameters"]

PEM = "-----BEGIN "
VERIFYING = ("verify-ca", "verify-full")


def tls_parameters(config: Mapping[str, Any]) -> dict[str, str]:
    """Read the `ssl_*` settings; certificates given as text are written to files, which libpq needs.

    Args:
        config: The target's config.

    Returns:
        Connection parameters (PostgreSQL's manual, section 34.1.2); none if the settings do not ask for TLS.

    Raises:
        SettingsError: A certificate or key that is asked for is neither a file nor a text.
    """
    parameters: dict[str, str] = {}
    if config.get("ssl_enable"):
        mode = parameters["sslmode"] = str(config.get("ssl_mode") or "verify-full")
        # Without verification nothing needs the authority, which then may be the default that nobody made.
        if authority := _file(config, "ssl_certificate_authority", "root.crt", needed=mode in VERIFYING):
            parameters["sslrootcert"] = authority
    if config.get("ssl_client_certificate_enable"):
        parameters["sslcert"] = _file(config, "ssl_client_certificate", "cert.crt")
        parameters["sslkey"] = _file(config, "ssl_client_private_key", "pkey.key")
    return parameters


def _file(config: Mapping[str, Any], setting: str, name: str, *, needed: bool = True) -> str:
    """Return the path of a certificate or key; empty if it is not there and not needed."""
    value = str(config.get(setting) or "")
    if PEM in value:
        return _written(config, name, value)
    path = Path(value).expanduser()
    if value and path.is_file():
        return str(path)
    if needed:
        raise SettingsError(
            f"`{setting}` is neither a file that is there ({path}) nor the text itself, which begins with '{PEM}'."
        )
    return ""


def _written(config: Mapping[str, Any], name: str, text: str) -> str:
    directory = Path(config.get("ssl_storage_directory") or ".secrets").expanduser()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / name
    # Environment variables and JSON in YAML often hold \n as two characters.
    content = text if "\n" in text.strip() else text.replace("\\n", "\n")
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content.rstrip() + "\n")
    return str(path)
