"""`python -m scorefly`, and the `scorefly` command."""

import sys

from scorefly import __version__, standard_streams


def main() -> None:
    """Answers for its version at once, without loading what every other command needs."""
    standard_streams.open_missing()
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"scorefly, version {__version__}\n")
        return
    from scorefly.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
