"""`python -m scorefly`, and the `scorefly` command."""

import gc
import sys

from scorefly import __version__, standard_streams


def main() -> None:
    """Answers for its version at once, without loading what every other command needs."""
    standard_streams.open_missing()
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"scorefly, version {__version__}\n")
        return
    # What imports make lives as long as the process: looking for garbage in it takes a tenth of a short run.
    gc.disable()
    from scorefly.cli.main import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
