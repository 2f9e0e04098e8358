"""Paths to handlers."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from salesforce_simulator.http.errors import method_not_allowed, not_found
from salesforce_simulator.http.messages import Call, Reply

Handler = Callable[..., Reply]
_PARAMETER = re.compile(r"\{(\w+)(:[^}]*)?\}")


@dataclass(frozen=True)
class Route:
    """A resource and one of its methods.

    Attributes:
        method: HTTP method.
        path: The path with `{name}` for a segment and `{name:regex}` for more; a trailing slash is optional.
        handler: Called as `handler(site, call, **parameters)`.
    """

    method: str
    path: str
    handler: Handler

    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression."""
        expression, end = "", 0
        for match in _PARAMETER.finditer(self.path):
            rule = match[2][1:] if match[2] else "[^/]+"
            expression += re.escape(self.path[end : match.start()]) + f"(?P<{match[1]}>{rule})"
            end = match.end()
        return re.compile(expression + re.escape(self.path[end:]) + "/?")


class Router:
    """The routes of a server, asked in the order given."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route.pattern(), route) for route in routes]

    def handler(self, call: Call) -> tuple[Handler, dict[str, str]]:
        """The handler of a call, and the parameters that its path has.

        Raises:
            ApiError: `NOT_FOUND` or `METHOD_NOT_ALLOWED`.
        """
        allowed = []
        for pattern, route in self._routes:
            if match := pattern.fullmatch(call.path):
                if route.method == call.method or (call.method == "HEAD" and route.method == "GET"):
                    return route.handler, match.groupdict()
                allowed.append(route.method)
        if allowed:
            raise method_not_allowed(call.method, allowed)
        raise not_found()
