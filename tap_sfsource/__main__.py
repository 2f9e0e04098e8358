"""Console entry point of tap-sfsource."""

import gc


def main() -> None:
    """Run the tap's command line."""
    gc.disable()  # What is imported stays: to look for garbage among it takes a twentieth of the start.
    from tap_sfsource.tap import TapSFSource  # noqa: PLC0415 - imports wait until a command runs

    gc.enable()
    TapSFSource.cli()


if __name__ == "__main__":
    main()
