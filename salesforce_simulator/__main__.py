"""Start the simulated org alone: `python -m salesforce_simulator --port 8443 --company`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from salesforce_simulator import company
from salesforce_simulator.apps import ConnectedApp
from salesforce_simulator.http.settings import Settings
from salesforce_simulator.org import ALL_FEATURES, Org
from salesforce_simulator.server import Server, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

DEMO_CLIENT_ID = "3MVG9demo.integration.connected.app"
DEMO_CLIENT_SECRET = "demo-client-secret"
DEMO_USER = "integration@acme.example"
DEMO_PASSWORD = "demo-password"
DEMO_SECURITY_TOKEN = "demoToken"
DEMO_CALLBACK = "http://localhost:1717/OauthRedirect"


def add_demo_login(org: Org) -> None:
    """Give the org the user and the connected app that the commands below use."""
    org.add_user(DEMO_USER, password=DEMO_PASSWORD, security_token=DEMO_SECURITY_TOKEN)
    org.add_app(
        ConnectedApp(
            "Demo", DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, run_as=DEMO_USER, callback_urls=(DEMO_CALLBACK,)
        )
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve an org until a signal ends it.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 2 if a port is taken.
    """
    options = _parser().parse_args(arguments)
    features = {*options.feature, *(company.FEATURES if options.company else ())}
    org = Org(seed=options.seed, features=features, directory=options.directory)
    org.login.sandbox = options.sandbox
    add_demo_login(org)
    if options.company:
        company.populate(org)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with serve(
            org,
            tls=options.tls,
            port=options.port,
            latency=options.latency,
            settings=Settings(
                compression=not options.no_compression,
                bandwidth=round(options.bandwidth * 1_000_000) or None,
            ),
            next_day=company.next_day if options.company else None,
        ) as server:
            print(_welcome(server), flush=True)
            ended.wait()
    except OSError as error:
        print(
            f"Cannot listen on 127.0.0.1:{options.port}: {error.strerror}. Choose another --port.",
            file=sys.stderr,
        )
        return 2
    finally:
        org.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m salesforce_simulator",
        description="A simulated Salesforce org on 127.0.0.1. The My Domain listens on --port, the production login "
        "host on the port after it, the sandbox login host on the next.",
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port of the My Domain (default: %(default)s; 0: any)"
    )
    parser.add_argument(
        "--company", action="store_true", help="fill it with a small example company, tags and schedules on"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the example company (default: %(default)s)"
    )
    parser.add_argument("--tls", action="store_true", help="speak https, with a CA of its own")
    parser.add_argument("--sandbox", action="store_true", help="be a sandbox instead of a production org")
    parser.add_argument(
        "--latency", type=float, default=0.0, help="milliseconds that every answer takes at least"
    )
    parser.add_argument(
        "--bandwidth",
        type=float,
        default=0.0,
        help="megabytes a second that one connection carries (default: as many as the machine can)",
    )
    parser.add_argument(
        "--no-compression", action="store_true", help="send gzip to nobody, to spare the processor"
    )
    parser.add_argument(
        "--feature",
        action="append",
        default=[],
        choices=sorted(ALL_FEATURES),
        help="switch an org feature on",
    )
    parser.add_argument(
        "--directory", type=Path, help="where its data goes (default: a folder that is removed)"
    )
    return parser


def _welcome(server: Server) -> str:
    trust = f" --cacert {server.ca_file}" if server.ca_file else ""
    lines = [
        "The simulated org is up; end it with Ctrl-C.",
        "",
        f"  My Domain                {server.url}",
        f"  production login host    {server.login_url}",
        f"  sandbox login host       {server.test_url}",
    ]
    if server.ca_file:
        lines.append(f"  CA certificate           {server.ca_file}")
    lines += [
        "",
        f"  client id                {DEMO_CLIENT_ID}",
        f"  client secret            {DEMO_CLIENT_SECRET}",
        f"  user                     {DEMO_USER}",
        f"  password                 {DEMO_PASSWORD}",
        f"  security token           {DEMO_SECURITY_TOKEN}",
        "",
        "Get a token, then ask a query:",
        "",
        f"  TOKEN=$(curl -s{trust} {server.url}/services/oauth2/token -d grant_type=client_credentials \\",
        f"    -d client_id={DEMO_CLIENT_ID} -d client_secret={DEMO_CLIENT_SECRET} \\",
        "    | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])')",
        f'  curl -s{trust} -G {server.url}/services/data/v62.0/query -H "Authorization: Bearer $TOKEN" \\',
        "    --data-urlencode 'q=SELECT Id, Name FROM Account LIMIT 3'",
        "",
        f"See every call and what it cost:  curl -s{trust} {server.url}/_simulator/ledger",
        f"Let a day go by (--company):      curl -s{trust} -X POST {server.url}/_simulator/next-day",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
