"""Start the simulated org alone: `salesforce-simulator --company`, or `python -m salesforce_simulator --company`."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

from salesforce_simulator import command_line
from salesforce_simulator.http.settings import Settings
from salesforce_simulator.simulation import Simulation, UnknownObjectError, simulate
from salesforce_simulator.volume import MissingParentsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve an org until a signal ends it. Gives the exit code: 2 if an option is wrong or a port is taken."""
    parser = command_line.parser()
    options = parser.parse_args(arguments)
    signals: list[int] = []

    def end(number: int, _: object) -> None:
        signals.append(number)
        raise KeyboardInterrupt

    handlers = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _serve(options)
    except (KeyboardInterrupt, sqlite3.OperationalError):
        # SQLite makes an error of its own of what is raised while it calls back.
        if not signals:
            raise
        return 0
    except (UnknownObjectError, MissingParentsError) as error:
        parser.error(f"argument --records: {error}")
    except OSError as error:
        print(
            f"Cannot listen on {options.host}:{options.port} or one of the two ports after it: {error.strerror}. "
            "Choose another --port, or 0 for any.",
            file=sys.stderr,
        )
        return 2
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _serve(options: argparse.Namespace) -> NoReturn:
    settings = Settings(
        latency=options.latency,
        bandwidth=round(options.bandwidth * 1_000_000) or None,
        compression=not options.no_compression,
        last_version=options.api_version,
    )
    with simulate(
        company=options.company,
        features=options.feature,
        seed=options.seed,
        sandbox=options.sandbox,
        directory=options.directory,
        custom_objects=options.custom_objects,
        records=dict(options.records),
        faults=options.fault,
        tls=options.tls,
        host=options.host,
        port=options.port,
        settings=settings,
    ) as salesforce:
        print(json.dumps(_told(salesforce)) if options.json else _welcome(salesforce), flush=True)
        while True:
            threading.Event().wait()


def _told(salesforce: Simulation) -> dict[str, Any]:
    return {
        "url": salesforce.url,
        "login_url": salesforce.login_url,
        "ca_file": str(salesforce.ca_file) if salesforce.ca_file else None,
        "client_id": salesforce.client_id,
        "client_secret": salesforce.client_secret,
        "user": salesforce.user,
        "password": salesforce.password,
        "security_token": salesforce.security_token,
        "callback_url": salesforce.callback_url,
    }


def _welcome(salesforce: Simulation) -> str:
    trust = f" --cacert {salesforce.ca_file}" if salesforce.ca_file else ""
    url = salesforce.url
    data = f"{url}/services/data/v{salesforce.server.settings.last_version}.0"
    lines = [
        "The simulated org is up; end it with Ctrl-C.",
        "",
        f"  My Domain                {url}",
        f"  production login host    {salesforce.server.login_url}",
        f"  sandbox login host       {salesforce.server.test_url}",
    ]
    if salesforce.ca_file:
        lines.append(f"  CA certificate           {salesforce.ca_file}")
    lines += [
        "",
        f"  client id                {salesforce.client_id}",
        f"  client secret            {salesforce.client_secret}",
        f"  user                     {salesforce.user}",
        f"  password                 {salesforce.password}",
        f"  security token           {salesforce.security_token}",
        f"  callback URL             {salesforce.callback_url}",
        "",
        "Get a token, then ask a query:",
        "",
        f"  TOKEN=$(curl -s{trust} {url}/services/oauth2/token -d grant_type=client_credentials \\",
        f"    -d client_id={salesforce.client_id} -d client_secret={salesforce.client_secret} \\",
        "    | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])')",
        f'  curl -s{trust} -G {data}/query -H "Authorization: Bearer $TOKEN" \\',
        "    --data-urlencode 'q=SELECT Id, Name FROM Account LIMIT 3'",
        "",
        f"See every call and what it cost:  curl -s{trust} {url}/_simulator/ledger",
        f"Let a day go by (--company):      curl -s{trust} -X POST {url}/_simulator/next-day",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
