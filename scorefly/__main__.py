"""`python -m scorefly`, and the `scorefly` command."""

import gc
import sys

from scorefly import __version__


def main() -> None:
    """Answers for its version at once, without loading what every other command needs."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"scorefly, version {__version__}\n")
        return
    # What a run makes lives as long as the run: looking for garbage as often as by default takes a tenth of it.
    gc.set_threshold(50_000)
    from scorefly.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
