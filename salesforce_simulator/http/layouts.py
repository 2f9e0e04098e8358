"""What a describe's `urls` name besides the object and its rows: layouts, list views, actions, pages."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from salesforce_simulator import layouts
from salesforce_simulator.describe import MASTER_RECORD_TYPE
from salesforce_simulator.http.errors import not_found
from salesforce_simulator.http.messages import Call, Reply, json_reply
from salesforce_simulator.http.routing import Route
from salesforce_simulator.http.sobjects import schema_seen, visible
from salesforce_simulator.ids import is_id

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site
    from salesforce_simulator.schema import SObject

_PREFIX = 3


def all_layouts(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """The layouts of an object and the record types that have them."""
    sobject = _layoutable(site, call, name)
    return json_reply(
        layouts.describe_layouts(schema_seen(site, call), sobject, f"/services/data/v{version}")
    )


def layout(site: "Site", call: Call, *, version: str, name: str, record_type: str) -> Reply:
    """The layout of a record type."""
    sobject = _layoutable(site, call, name, record_type)
    return json_reply(layouts.describe_layout(schema_seen(site, call), sobject))


def compact_layouts(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """The compact layouts of an object."""
    sobject = _layoutable(site, call, name)
    return json_reply(layouts.describe_compact_layouts(sobject, f"/services/data/v{version}"))


def compact_layout(site: "Site", call: Call, *, version: str, name: str, record_type: str) -> Reply:
    """The compact layout of a record type."""
    return json_reply(layouts.describe_compact_layout(_layoutable(site, call, name, record_type)))


def approval_layouts(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """None: this org has no approval processes."""
    _layoutable(site, call, name)
    return json_reply({"approvalLayouts": []})


def quick_actions(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """None."""
    _layoutable(site, call, name)
    return json_reply([])


def list_views(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """None."""
    sobject = _layoutable(site, call, name)
    return json_reply(
        {"done": True, "listviews": [], "nextRecordsUrl": None, "size": 0, "sobjectType": sobject.name}
    )


def default_values(site: "Site", call: Call, *, version: str, name: str) -> Reply:
    """What a new record starts with."""
    return json_reply(layouts.default_values(_layoutable(site, call, name)))


def page(site: "Site", call: Call, *, name: str) -> Reply:
    """The page of a record or (by its key prefix) of a new one, which a browser without a session is sent away from."""
    if not is_id(name) and not (len(name) == _PREFIX and call.path.endswith("/e")):
        raise not_found()
    where = f"{call.host.instance_url}/?ec=302&startURL={quote(call.path, safe='')}"
    return Reply(302, b"", {"Location": where}, "text/html;charset=UTF-8")


def login_page(site: "Site", call: Call) -> Reply:
    """Where people log in; what they see is no part of this org."""
    return Reply(200, b"<!doctype html><title>Login | Salesforce</title>", {}, "text/html;charset=UTF-8")


def _layoutable(site: "Site", call: Call, name: str, record_type: str = MASTER_RECORD_TYPE) -> "SObject":
    sobject = visible(site, call, name)
    if not sobject.layoutable or record_type[:15] != MASTER_RECORD_TYPE[:15]:
        raise not_found()
    return sobject


_SOBJECT = r"/services/data/v{version:\d+\.0}/sobjects/{name}"
ROUTES = [
    Route("GET", _SOBJECT + "/describe/layouts", all_layouts),
    Route("GET", _SOBJECT + "/describe/layouts/{record_type}", layout),
    Route("GET", _SOBJECT + "/describe/compactLayouts", compact_layouts),
    Route("GET", _SOBJECT + "/describe/compactLayouts/{record_type}", compact_layout),
    Route("GET", _SOBJECT + "/describe/approvalLayouts", approval_layouts),
    Route("GET", _SOBJECT + "/quickActions", quick_actions),
    Route("GET", _SOBJECT + "/listviews", list_views),
    Route("GET", _SOBJECT + "/defaultValues", default_values),
    Route("GET", "/{name}", page),
    Route("GET", "/{name}/e", page),
    Route("GET", "/", login_page),
]
