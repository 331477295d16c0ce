"""The command `llm-orc`, also as `python -m llm_orc`."""

import signal


def main() -> None:
    """Run the command line."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        # While modules load nothing is lost by ending at once, and a traceback would say nothing.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from llm_orc.cli.main import main as command

    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command()


if __name__ == "__main__":
    main()
