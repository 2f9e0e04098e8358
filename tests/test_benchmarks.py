"""The benchmarks run, compare what came out, and say so when it is wrong: on tiny sizes, without the peers."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import digest, plot, report
from benchmarks.contest import Contestant, Result, Score, hold
from benchmarks.measure import Command, FailedError, Measurement, run
from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_process import Processes


def python(code: str) -> Command:
    return Command(code[:20], (sys.executable, "-c", code))


def test_a_process_is_charged_for_its_time_cpu_and_memory_and_those_of_its_children() -> None:
    busy = "sum(i * i for i in range(10 ** 6)); b = bytearray(80 * 10 ** 6)"
    by_a_child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    idle, child = run([python("pass")]), run([python(by_a_child)])
    assert child.cpu > idle.cpu
    assert child.wall >= child.cpu / 2
    assert 80 < child.peak_mb < 80 + 3 * idle.peak_mb


def test_a_pipe_joins_its_parts_and_charges_each_of_them(tmp_path: Path) -> None:
    said = tmp_path / "said"
    source = python("print('word\\n' * 1000)")
    sink = python("import sys; print(sum(line == 'word\\n' for line in sys.stdin))")
    measured = run([source, sink], stdout=said)
    assert said.read_text() == "1000\n"
    assert len(measured.processes) == 2


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(FailedError, match="no luck"):
        run([python("import sys; sys.exit('no luck')")])


def test_turns_alternate_and_a_failure_is_told_and_not_dropped() -> None:
    turns: list[str] = []

    def turn(name: str) -> Measurement:
        turns.append(name)
        if name == "c":
            raise FailedError("c cannot")
        return Measurement({"a": 1.0, "b": 4.0}[name], ())

    entries = [Contestant(name, 10, lambda name=name: turn(name)) for name in "abc"]  # type: ignore[misc]
    result = hold("contest", "?", entries, runs=3, absent=[("d", "d does not install")])
    assert turns == [*"abc", *"ab", *"ab"]
    assert result.ratio("b", "a") == 4.0
    text = report.table([result])
    assert "c cannot" in text
    assert "d does not install" in text


def test_a_fast_wrong_answer_shows() -> None:
    answers = iter(["one", "two"])
    entry = Contestant("a", 1, lambda: Measurement(1.0, ()), check=lambda: next(answers))
    assert "different rows" in hold("contest", "?", [entry], runs=2).scores[0].failure
    other = Result("contest", "?", (score("ours", "abc"), score("theirs", "xyz")))
    line = next(line for line in report.table([other]).splitlines() if "theirs" in line)
    assert line.endswith("xyz*")


def score(name: str, checksum: str) -> Score:
    return Score(name, 10, walls=[1.0], cpus=[1.0], peaks={"p": 50.0}, checksum=checksum)


def test_a_plot_draws_every_contestant() -> None:
    drawn = plot.svg([Result("contest", "a < b?", (score("ours", ""), score("theirs", "")))])
    assert drawn.count("<rect") == 3
    assert "a &lt; b?" in drawn


def test_digests_agree_for_the_same_records_in_either_protocol(tmp_path: Path) -> None:
    singer = {
        "type": "RECORD",
        "stream": "s",
        "record": {"id": "1", "big_sum_c": 5.0, "at": "2026-01-01T00:00:00Z"},
    }
    data = {"at": "2026-01-01T01:00:00.000+0100", "Id": "1", "Big_Sum__c": 5, "Empty": ""}
    airbyte = {"type": "RECORD", "record": {"namespace": None, "stream": "s", "data": data}}
    found = []
    for number, message in enumerate((singer, airbyte, singer | {"record": {"id": "2"}})):
        file = tmp_path / str(number)
        file.write_text(json.dumps(message) + "\n")
        with file.open("rb") as lines:
            found.append(digest.digest(lines))
    assert found[0] == found[1] != found[2]


def test_pages_of_a_download_become_the_lines_of_their_rows(processes: Processes, tmp_path: Path) -> None:
    header = '"Id","Currency_3__c","String_4__c"\n'
    pages = [['"1","2.50","a\n"\n', '"2","",""\n'], ['"3","1.0E7","Id"\n']]
    file = tmp_path / "pages.csv"
    texts = [header + "".join(rows) for rows in pages]
    file.write_text("".join(texts))
    (tmp_path / "pages.csv.sizes").write_text(" ".join(str(len(text)) for text in texts))
    processes.directory = PROJECT
    finished = processes.python("-m", "benchmarks.lines", file).expect()
    assert [tuple(message["record"].values()) for message in finished.messages()] == [
        ("1", 2.5, "a\n"),
        ("2", None, None),
        ("3", 10_000_000, "Id"),
    ]


CONTESTS = {
    "target": {"first load", "upsert"},
    "tap": {"tap, Bulk", "tap, REST"},
    "pair": {"pair"},
    "connections": {"growth in connections"},
}


@pytest.mark.timeout(280)
@pytest.mark.parametrize(
    "names",
    [
        ["target"],
        ["tap"],
        pytest.param(["pair"], marks=pytest.mark.long),
        pytest.param(["connections"], marks=pytest.mark.long),
    ],
    ids=lambda names: names[0],
)
def test_the_command_measures_compares_and_writes_its_results(processes: Processes, names: list[str]) -> None:
    output = processes.directory / "results"
    processes.directory = PROJECT
    finished = processes.python(
        *("-m", "benchmarks", "--quick", "--rows", "200", "--without-peers", "--output", output),
        *(part for name in names for part in ("--only", name)),
        deadline=240,
    ).expect()
    (file,) = output.glob("*.json")
    contests = {contest["name"]: contest["scores"] for contest in json.loads(file.read_text())["contests"]}
    assert set(contests) == {contest for name in names for contest in CONTESTS[name]}
    for scores in contests.values():
        took_part = [entry for entry in scores if "was not asked for" not in entry["failure"]]
        assert not [entry["failure"] for entry in took_part if entry["failure"]]
        checksums = {entry["checksum"] for entry in took_part if entry["checksum"]}
        assert len(checksums) == (names != ["connections"]), (
            "ours and the floors that load a table hold the same rows"
        )
    assert ("was not asked for" in finished.stdout) == (names != ["connections"])
    assert file.with_suffix(".svg").read_text().startswith("<svg")
