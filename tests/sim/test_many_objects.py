"""An org of five thousand custom objects, as the largest real ones have."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.ids import DIGITS
from tests.sim.api import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from salesforce_simulator.org import Org
    from salesforce_simulator.schema import SObject
    from tests.fix_org import OrgServer

MANY = 5000


def objects(count: int) -> Iterator[SObject]:
    for number in range(count):
        fields = [custom_field(f"Field_{place}__c", "string") for place in range(10)]
        fields.append(custom_field("Account__c", "reference", reference_to=("Account",)))
        yield custom_object(f"Thing_{number}__c", fields)


def test_every_custom_object_has_a_key_prefix_of_its_own(frozen_org: Org) -> None:
    first = frozen_org.object("Account").key_prefix
    frozen_org.add_objects(objects(300))
    frozen_org.remove_object("Thing_299__c")
    frozen_org.add_object(custom_object("Later__c", []))
    prefixes = [sobject.key_prefix for sobject in frozen_org.schema if sobject.custom]
    assert len(set(prefixes)) == 300
    assert sorted(str(prefix) for prefix in prefixes)[:12] == [f"a0{digit}" for digit in DIGITS[:12]]
    record_id = frozen_org.create("Later__c", {})
    assert frozen_org.schema.of_id(record_id) is frozen_org.object("Later__c")
    assert frozen_org.object("Account").key_prefix == first


def test_metadata_of_thousands_of_objects_is_quick(org_server: OrgServer) -> None:
    """By processor time, of which a real org spends about as much: a second on describe global, 20 ms on a describe."""
    begun = time.process_time()
    org_server.org.add_objects(objects(MANY))
    assert time.process_time() - begun < 30
    api = Api(org_server)
    begun = time.process_time()
    listing = api.get("sobjects").json()["sobjects"]
    assert time.process_time() - begun < 2
    names = [line["name"] for line in listing if line["custom"]]
    assert len(names) == len({line["keyPrefix"] for line in listing if line["custom"]}) == MANY
    begun = time.process_time()
    for start in range(0, 200, 25):
        parts = [{"url": f"/services/data/v62.0/sobjects/{name}/describe"} for name in names[start:][:25]]
        answers = api.composite(*parts).json()["compositeResponse"]
        assert {len(answer["body"]["fields"]) for answer in answers} == {20}
    assert time.process_time() - begun < 200 * 0.02
    begun = time.process_time()
    children = api.get("sobjects/Account/describe").json()["childRelationships"]
    assert len([child for child in children if child["field"] == "Account__c"]) == MANY
    record_id = org_server.org.create(names[-1], {"Name": "x", "Field_1__c": "y"})
    assert api.query(f"SELECT Id FROM {names[-1]} WHERE Field_1__c = 'y'").json()["totalSize"] == 1
    org_server.org.delete(record_id)
    org_server.org.clock.advance(days=16)
    api.login(org_server)
    assert api.query(f"SELECT Id FROM {names[-1]}", "queryAll").json()["totalSize"] == 0
    assert time.process_time() - begun < 10
