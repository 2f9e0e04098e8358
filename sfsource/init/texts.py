"""The files of a new project that no other project has: the README, what git ignores, the variables to set."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

GITIGNORE: Final = """\
# Secrets, and what Meltano and the embedded Postgres keep.
.env
.venv/
.meltano/
.sfwarehouse/
output/
*.log
"""

_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "browser": """\
# The External Client App that `sfsource login` goes through; its consumer key.
TAP_SFSOURCE_CLIENT_ID=
# Only if the app demands its secret:
TAP_SFSOURCE_CLIENT_SECRET=
# Where the login is kept, if your home folder does not last (a container):
TAP_SFSOURCE_REFRESH_TOKEN_FILE=
""",
        "client-credentials": """\
# The External Client App whose client credentials flow is on: its consumer key and secret.
TAP_SFSOURCE_CLIENT_ID=
TAP_SFSOURCE_CLIENT_SECRET=
""",
        "jwt": """\
# The External Client App that knows the certificate: its consumer key, the user, and the file of the private key.
TAP_SFSOURCE_CLIENT_ID=
TAP_SFSOURCE_USERNAME=
TAP_SFSOURCE_PRIVATE_KEY_FILE=
""",
    }
)

LOGINS: Final = tuple(_VARIABLES)
"""The kinds of login that `sfsource init` knows."""

_LOGIN_STEP: Final = """
Log in, which opens the browser:

```bash
sfsource login
```
"""


def environment(host: str, login: str) -> str:
    """The variables of a login and of a warehouse, without secrets."""
    return f"""\
# Copy this file to .env and fill it in. Git ignores .env.

# The org's My Domain.
TAP_SFSOURCE_LOGIN_URL={host}
{_VARIABLES[login]}
# The warehouse. Without it the environment dev loads into a Postgres of its own, in .sfwarehouse/.
# TARGET_SFWAREHOUSE_SQLALCHEMY_URL=postgresql://loader:password@warehouse.example.com/analytics

# Who is told if something is not well: URLs of apprise (https://appriseit.com), or a command, which gets the text.
# SFSOURCE_ALERT_URLS=mailtos://user:password@example.com
# SFSOURCE_ALERT_COMMAND=
"""


def readme(login: str) -> str:
    """What to do next."""
    return f"""\
# Salesforce to the warehouse

A Meltano project of tap-sfsource and target-sfwarehouse.

```bash
python3 -m venv .venv
. .venv/bin/activate
pip install sfsource meltano
cp .env.example .env  # then fill it in
meltano install
```
{_LOGIN_STEP if login == "browser" else ""}
See what would stop a run:

```bash
meltano invoke sfsource doctor
```

Load into the schema `sfdc`:

```bash
meltano run tap-sfsource target-sfwarehouse
```

See how the last runs went:

```bash
meltano invoke sfsource status
```

`meltano invoke` takes the project's own `sfsource`, which has what the Postgres of `dev` and alerts need.

`deploy/run-schedule` loads in the environment `prod`, into `sfdc_prod`: see its runs with
`meltano --environment=prod invoke sfsource status`. `sfsource --help` lists what else shows how the runs went, checks the
tables and repairs them.

- `meltano.yml` says what is read (`select`), with every setting.
- `catalogs/` has selections that a tap takes without Meltano.
- `deploy/` runs the schedule by cron or systemd, in the environment `prod`, which needs a warehouse. A file that ends in
  `.example` is a further part of the project; rename it to use it.
"""
