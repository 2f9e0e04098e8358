"""A Postgres server of the target's own, for a first look and for tests.

It outlives the process that started it, so that psql can look at the tables. It listens on 127.0.0.1 only and asks
for a random password; only the owner may read the files that hold it. As root the server runs as an unprivileged
account. If that account cannot enter the folder asked for, the data go to a new folder in /var/lib/sfwarehouse, and
`server.json` in the folder asked for remembers which. No permission of an existing file or folder is changed.
"""

from target_sfwarehouse.embedded.accounts import EmbeddedPostgresError
from target_sfwarehouse.embedded.server import EmbeddedServer, remove, start, status, stop

__all__ = ["EmbeddedPostgresError", "EmbeddedServer", "remove", "start", "status", "stop"]
