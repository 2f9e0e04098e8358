"""Console entry point of target-sfwarehouse."""


def main() -> None:
    """Run the target's command line."""
    from target_sfwarehouse.target import TargetSFWarehouse  # noqa: PLC0415 - imports wait until a command runs

    TargetSFWarehouse.cli()


if __name__ == "__main__":
    main()
