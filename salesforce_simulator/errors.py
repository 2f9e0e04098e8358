"""The one exception that the org raises for a request it refuses."""

from __future__ import annotations


class ApiError(Exception):
    """A refusal as Salesforce words it.

    Attributes:
        error_code: Salesforce's code, e.g. `REQUIRED_FIELD_MISSING`.
        message: Salesforce's message.
        fields: API names of the fields at fault, possibly none.
    """

    def __init__(self, error_code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(f"{error_code}: {message}")
        self.error_code = error_code
        self.message = message
        self.fields = fields
