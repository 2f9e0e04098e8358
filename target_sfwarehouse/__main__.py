"""Console entry point of target-sfwarehouse."""

import gc
import os
import signal
import sys


def main() -> None:
    """Run the target's command line."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _stop)  # until the target sets handlers of its own
    gc.disable()  # What is imported stays: to look for garbage among it takes a fifth of the start.
    from target_sfwarehouse.target import TargetSFWarehouse  # noqa: PLC0415 - imports wait until a command runs

    gc.freeze()
    gc.enable()
    TargetSFWarehouse.cli()


def _stop(signum: int, _: object) -> None:
    """End during the imports, where an exception could be caught by whatever is imported."""
    sys.stderr.write(f"Stopped by {signal.Signals(signum).name} before the start.\n")
    sys.stderr.flush()
    os._exit(128 + signum)


if __name__ == "__main__":
    main()
