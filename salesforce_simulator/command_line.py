"""The command's options: what they mean, and what they refuse."""

from __future__ import annotations

import argparse
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from salesforce_simulator.http.fault_specs import CONDITIONS, FaultSpecError, rule_of, usage
from salesforce_simulator.http.faults import ACTIONS
from salesforce_simulator.http.settings import Settings
from salesforce_simulator.org import ALL_FEATURES
from salesforce_simulator.server import LOCAL
from salesforce_simulator.store import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable

Number = TypeVar("Number", int, float)

_FIRST_VERSION, _LAST_VERSION = Settings.first_version, Settings.last_version
_EXAMPLES = """\
examples:
  salesforce-simulator --company
  salesforce-simulator --records Account=100000 --records Contact=300000 --latency 150
  salesforce-simulator --company --fault 'Status=503,path=*/query*,nth=2'
  salesforce-simulator --company --fault 'Drop=body,path=*/results,times=1' --fault 'Latency=2,probability=0.1'
  salesforce-simulator --port 0 --json
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line; it ends the process with 2 where an option is wrong."""
    made = argparse.ArgumentParser(
        prog="salesforce-simulator",
        usage="%(prog)s [options]",
        description="A simulated Salesforce org, until Ctrl-C. The My Domain listens on --port, the "
        "production login host on the port after it, the sandbox login host on the next.",
        epilog=f"{_EXAMPLES}\n{_faults()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    _add_data(made)
    _add_org(made)
    _add_server(made)
    return made


def _version() -> str:
    try:
        return metadata.version("salesforce-simulator")
    except metadata.PackageNotFoundError:
        return "(not installed: a checkout)"


def _add_data(made: argparse.ArgumentParser) -> None:
    data = made.add_argument_group("data (default: an empty org with the standard objects)")
    data.add_argument(
        "--company",
        action="store_true",
        help="a small example company: rows in every object, custom fields and objects, deletes; tags and schedules on",
    )
    data.add_argument(
        "--custom-objects",
        metavar="N",
        type=_number(int, 0, 10_000),
        default=0,
        help="add so many custom objects, Custom_1__c and so on",
    )
    data.add_argument(
        "--records",
        metavar="OBJECT=N",
        action="append",
        type=_records,
        default=[],
        help="add so many plausible records of an object, quickly; may be repeated, parents before children",
    )
    data.add_argument(
        "--seed",
        metavar="N",
        type=_number(int, 1),
        default=1,
        help="what ids and example data depend on (default: %(default)s)",
    )
    data.add_argument(
        "--directory",
        type=_folder,
        help="folder where the data goes (default: one that is removed at the end)",
    )


def _add_org(made: argparse.ArgumentParser) -> None:
    org = made.add_argument_group("the org")
    org.add_argument(
        "--feature",
        action="append",
        default=[],
        choices=sorted(ALL_FEATURES),
        help="switch a feature on; may be repeated",
    )
    org.add_argument("--sandbox", action="store_true", help="be a sandbox instead of a production org")
    org.add_argument(
        "--api-version",
        metavar="N",
        type=_number(int, _FIRST_VERSION, 99),
        default=_LAST_VERSION,
        help=f"newest API version that the org speaks; the oldest is {_FIRST_VERSION} (default: %(default)s)",
    )


def _add_server(made: argparse.ArgumentParser) -> None:
    server = made.add_argument_group("the server")
    server.add_argument(
        "--host",
        metavar="NAME",
        type=_host,
        default=LOCAL,
        help="name or address by which other machines or containers reach it; it then listens on all addresses "
        "(default: %(default)s, where nobody else does)",
    )
    server.add_argument(
        "--port",
        metavar="N",
        type=_number(int, 0, 65_533),
        default=8080,
        help="port of the My Domain; 0 means any three free ports (default: %(default)s)",
    )
    server.add_argument("--tls", action="store_true", help="speak https, with a CA of its own")
    server.add_argument("--json", action="store_true", help="say where it is as one line of JSON")
    server.add_argument(
        "--latency",
        metavar="MS",
        type=_number(float, 0),
        default=0.0,
        help="milliseconds that every answer takes at least",
    )
    server.add_argument(
        "--bandwidth",
        metavar="MB",
        type=_number(float, 0),
        default=0.0,
        help="megabytes a second that one connection carries (default: as many as the machine can)",
    )
    server.add_argument(
        "--no-compression", action="store_true", help="send gzip to nobody, to spare the processor"
    )
    server.add_argument(
        "--fault",
        metavar="SPEC",
        action="append",
        type=_fault,
        default=[],
        help="what goes wrong, and when: see below; may be repeated",
    )


def _faults() -> str:
    lines = ["faults, as FAULT=VALUE,KEY=VALUE,...:"]
    for name in sorted(ACTIONS):
        said = " ".join((ACTIONS[name].__doc__ or "").split("\n\n")[0].split())
        lines += [f"  {usage(ACTIONS[name])}", f"      {said.split(';')[0].split('. ')[0].rstrip('.')}"]
    lines += [
        "",
        f"conditions of a fault: {', '.join(CONDITIONS)}",
        "  path is a pattern with *, sobject the object that a call is about, nth=2+5 the second and the fifth such call,",
        "  times at most so many calls, probability a share of them, drawn with seed",
    ]
    return "\n".join(lines)


def _number(kind: type[Number], least: Number, most: Number | None = None) -> Callable[[str], Number]:
    def convert(text: str) -> Number:
        try:
            number = kind(text)
        except ValueError:
            number = None
        if number is None or not least <= number <= (sys.maxsize if most is None else most):
            wanted = f"a number from {least}" + (f" to {most}" if most is not None else "")
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return number

    return convert


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no host name and no IPv4 address")
    return text


def _records(text: str) -> tuple[str, int]:
    name, equals, count = text.partition("=")
    if not (name and equals and count.isdecimal() and int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not OBJECT=N with N from 1, as in Account=1000")
    return name, int(count)


def _folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no folder; make it first")
    if (folder / DATABASE).exists():
        raise argparse.ArgumentTypeError(f"{text!r} has the data of another org; choose an empty folder")
    return folder


def _fault(text: str) -> str:
    try:
        rule_of(text)
    except FaultSpecError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    return text
