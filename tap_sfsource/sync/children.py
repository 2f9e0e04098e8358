"""The rows of an object that Salesforce gives by the ids of their parents only, such as links of files.

The parents' ids are queried in the run, whether the parents are selected or not; those in the recycle bin are among them. A
child whose parent the user does not see is not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from tap_sfsource.api.answers import decode
from tap_sfsource.api.query import QUERY_PAGE, select
from tap_sfsource.errors import RefusedError, SalesforceError
from tap_sfsource.sync.ahead import ahead
from tap_sfsource.sync.column_groups import IDS_A_QUERY, TOO_COMPLICATED, batches, of_ids
from tap_sfsource.sync.progress import Progress
from tap_sfsource.sync.query_reader import TOO_LARGE, QueriedPage, QueryReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.api.query import RestPage
    from tap_sfsource.catalog.restrictions import Parents


class _Parent(msgspec.Struct):
    Id: str


_TOO_MANY_IDS = TOO_LARGE | {TOO_COMPLICATED}

_PARENTS = msgspec.json.Decoder(list[_Parent])


@dataclass
class ChildrenReader(QueryReader):
    """A query for all children, which is one query for each list of parents; by REST, never resumed."""

    parents: Parents = field(kw_only=True)
    _children: Iterator[RestPage] = field(default_factory=lambda: iter(()), init=False, repr=False)

    def first_request(self, reference_id: str) -> Subrequest | None:  # noqa: ARG002
        """None: the parents' ids are not known yet."""
        return None

    def prepare(self, answer: Subresponse | None) -> None:  # noqa: ARG002
        """Read the first page, which shows whether the query is refused."""
        pages = self._all()
        first = next(pages, None)
        self._children = chain([] if first is None else [first], pages)

    def pages(self) -> Iterator[tuple[QueriedPage, Progress]]:
        """See `QueryReader.pages`."""
        for page in ahead(self._children):
            yield page, Progress()

    def _all(self) -> Iterator[RestPage]:
        parents = self.parents.api_name
        try:
            first = self.readers.first_page(select(parents, ["Id"]))
        except SalesforceError as error:
            if error.error_code != "INVALID_TYPE":
                raise
            reason = f"it is read by the ids of {parents}, which the user may not see"
            raise RefusedError(self.api_name, reason) from error
        for page in self.readers.pages(first):
            ids = [row.Id for row in decode(page.records, _PARENTS, "/queryAll")]
            lists = list(batches(ids, IDS_A_QUERY))
            requests = [self._request(some, f"children_{place}") for place, some in enumerate(lists)]
            for some, answer in zip(lists, self.readers.client.composite(requests), strict=True):
                yield from self._answered(some, answer)

    def _answered(self, ids: Sequence[str], answer: Subresponse) -> Iterator[RestPage]:
        if answer.error_code in _TOO_MANY_IDS and len(ids) > 1:
            for half in batches(ids, -(-len(ids) // 2)):
                yield from self._answered(
                    half, self.readers.client.composite([self._request(half, "children")])[0]
                )
            return
        if not answer.ok:
            raise answer.error(f"{self.api_name} /queryAll")
        yield from self.readers.pages(answer.decode(QUERY_PAGE))

    def _request(self, ids: Sequence[str], reference_id: str) -> Subrequest:
        query = of_ids(self.api_name, ids, self.fields, self.conditions, self.parents.field)
        return self.readers.request(query, reference_id)
