"""The text of a fault, as `--fault` and the pytest mark take it, and what is said of a text that is none."""

from __future__ import annotations

import contextlib
import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesforce_simulator.http.fault_specs import FaultSpecError, rule_of, usage
from salesforce_simulator.http.faults import (
    ACTIONS,
    Drop,
    EndSession,
    Latency,
    Locator,
    Replace,
    Rule,
    Status,
    WrongDate,
)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("Status=503", Rule(Status(503))),
        (" status = 503 , path = */query* , nth = 2 ", Rule(Status(503), path="*/query*", nth=2)),
        ("Status=503,nth=2+5", Rule(Status(503), nth=[2, 5])),
        ("Status=429,retry_after=7,sobject=Account", Rule(Status(429, retry_after=7), sobject="Account")),
        ("Drop=body,method=GET,times=1", Rule(Drop("body"), method="GET", times=1)),
        ("Drop", Rule(Drop())),
        ("EndSession,path=*/results,nth=3", Rule(EndSession(), path="*/results", nth=3)),
        ("Latency=0.5,probability=0.1,seed=3", Rule(Latency(0.5), probability=0.1, seed=3)),
        ("WrongDate=-90", Rule(WrongDate(-90.0))),
        ("Locator=null", Rule(Locator("null"))),
        ("Replace=a=b,new=c=d", Rule(Replace("a=b", "c=d"))),
        (
            '{"action": "Status", "status": 400, "message": "No, thanks.", "nth": [1, 2]}',
            Rule(Status(400, message="No, thanks."), nth=[1, 2]),
        ),
    ],
)
def test_what_a_text_means(spec: str, wanted: Rule) -> None:
    assert rule_of(spec) == wanted


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "'' is no fault; there are AbortJob"),
        ("Statsu=503", "'Statsu' is no fault; there are AbortJob"),
        ("Status", "Status needs status: Status=STATUS[,code=CODE]"),
        ("Status=often", "status cannot be 'often': Status=STATUS"),
        ("Status=17", "status cannot be '17': Status=STATUS"),
        ("Status=503,pth=x", "Status has no 'pth'; it may have status, code"),
        ("Status=503,nth=0", "nth cannot be '0'"),
        ("Status=503,nth=2+0", "nth cannot be ['2', '0']"),
        ("Status=503,probability=2", "probability cannot be '2'"),
        ("Status=503,probability=nan", "probability cannot be 'nan'"),
        ("Status=503,path=a,path=b", "path is given twice"),
        ("Status=503,status=500", "status is given twice"),
        ("Status=503,message=No, thanks", "'thanks' is not KEY=VALUE; a value with a comma in it needs JSON"),
        ("Drop=now", "when cannot be 'now': Drop[=request|response|body|end]"),
        ("StallJob=1", "StallJob takes no value"),
        ("{", "this is no JSON"),
        ('{"action": "Status", "status": "503"}', "status cannot be '503'"),
        ("[1]", "'[1]' is no fault"),
    ],
)
def test_what_is_no_fault(spec: str, said: str) -> None:
    with pytest.raises(FaultSpecError, match=re.escape(said)):
        rule_of(spec)


@given(st.text() | st.text(alphabet="Status503=,nth+{}[]\":' "))
def test_any_text_is_a_rule_or_refused(spec: str) -> None:
    with contextlib.suppress(FaultSpecError):
        assert isinstance(rule_of(spec), Rule)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_the_usage_of_each_fault_names_its_fields(name: str) -> None:
    kind = ACTIONS[name]
    shown = usage(kind).lower()
    assert all(
        f"{f.name}=" in shown or f"={f.name}" in shown or "=request|" in shown
        for f in dataclasses.fields(kind)
    )
