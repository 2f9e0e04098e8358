"""Every resource of the org, in the order in which paths are matched."""

from salesforce_simulator.http import (
    admin,
    bulk1,
    bulk2,
    composite,
    layouts,
    oauth,
    query,
    records,
    replication,
    soap,
    sobjects,
    steering,
    usage,
    web_login,
)
from salesforce_simulator.http.routing import Router


def router() -> Router:
    """The routes of an org."""
    parts = (
        oauth,
        web_login,
        soap,
        sobjects,
        layouts,
        replication,
        usage,
        query,
        composite,
        bulk2,
        bulk1,
        records,
        admin,
        steering,
    )
    return Router(route for part in parts for route in part.ROUTES)
