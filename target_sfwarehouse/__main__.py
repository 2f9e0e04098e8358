"""Console entry point of target-sfwarehouse."""

import gc


def main() -> None:
    """Run the target's command line."""
    gc.disable()  # What is imported stays: to look for garbage among it takes a fifth of the start.
    from target_sfwarehouse.target import TargetSFWarehouse  # noqa: PLC0415 - imports wait until a command runs

    gc.freeze()
    gc.enable()
    TargetSFWarehouse.cli()


if __name__ == "__main__":
    main()
