"""Console entry point of sfsource."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from sfsource.cli import cli  # noqa: PLC0415 - imports wait until the command runs

    cli()


if __name__ == "__main__":
    main()
