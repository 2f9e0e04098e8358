"""Errors that the command tells in one line, with exit status 2."""

from __future__ import annotations


class SfsourceError(Exception):
    """Base of the errors whose text is meant for the person who runs the command."""


class SettingsMissingError(SfsourceError):
    """The settings of a half are nowhere, or cannot be read."""
