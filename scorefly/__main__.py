"""`python -m scorefly`, and the `scorefly` command."""

import gc
import signal
import sys

from scorefly import __version__, standard_streams


def main() -> None:
    """Answers for its version at once, without loading what every other command needs."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until the run has handlers of its own, Ctrl-C ends it without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    standard_streams.open_missing()
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"scorefly, version {__version__}\n")
        return
    # What a run makes lives as long as the run: looking for garbage as often as by default takes a tenth of it.
    gc.set_threshold(50_000)
    from scorefly.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
