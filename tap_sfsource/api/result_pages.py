"""Where the pages of a Bulk job's results begin, five to a call, so that several can be downloaded at the same time.

The guide ("Get Parallel Results for a Query Job") names them ``resultPages`` with a ``resultUrl``.
Clients have met ``resultChunks`` with a ``resultLink`` (msrivastav13/node-sf-bulk2, pull request 35). Both are read, and of
each URL only its locator is taken: a session's token goes to no address that an answer names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.api.client import Client


class _Page(msgspec.Struct):
    resultUrl: str = ""  # noqa: N815 - Salesforce's name
    resultLink: str = ""  # noqa: N815


class _Pages(msgspec.Struct):
    resultPages: list[_Page] | None = None  # noqa: N815
    resultChunks: list[_Page] | None = None  # noqa: N815
    nextRecordsUrl: str | None = None  # noqa: N815
    done: bool = True


_PAGES: Final = msgspec.json.Decoder(_Pages)


def locators(client: Client, job_path: str) -> Iterator[str]:
    """Yield the locators of a complete job's pages in order; five are asked for when the first of them is wanted.

    Raises:
        TapError: The org does not list them.
    """
    params: dict[str, str] | None = None
    while True:
        answer = client.get(f"{job_path}/resultPages", _PAGES, params=params)
        for page in answer.resultPages or answer.resultChunks or []:
            yield _locator_in(page.resultUrl or page.resultLink)
        following = _locator_in(answer.nextRecordsUrl or "")
        if answer.done or not following or params == {"locator": following}:
            return
        params = {"locator": following}


def _locator_in(url: str) -> str:
    parts = (part.partition("=") for part in urlsplit(url).query.split("&"))
    return next((unquote(value) for name, _, value in parts if name == "locator"), "")
