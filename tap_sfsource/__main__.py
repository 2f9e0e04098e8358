"""Console entry point of tap-sfsource."""


def main() -> None:
    """Run the tap's command line."""
    from tap_sfsource.tap import TapSFSource  # noqa: PLC0415 - imports wait until a command runs

    TapSFSource.cli()


if __name__ == "__main__":
    main()
