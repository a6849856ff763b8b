"""Exit codes: an error that the user can act on is printed in one line; any other is a bug and is raised."""

import argparse
import errno
from importlib import import_module

from counting.commands.checks import check_request
from counting.utils.interruption import Interruption
from counting.utils.output import Output, print_error
from counting_datasets.errors import CountingError

DONE, REFUSED, STOPPED = 0, 2, 130


def run_command(parsed: argparse.Namespace, output: Output) -> int:
    """Run a command and return its exit code."""
    command = f"counting {parsed.command}"
    with Interruption() as interruption:
        try:
            check_request(parsed)
            code: int = import_module(f"counting.commands.{parsed.command}").run(parsed)
        except SystemExit as ended:
            if ended.code == 1:  # raised by rich when standard output is closed
                return DONE
            raise  # such as 15, with which Ray ends a program that is told to terminate
        except (Exception, KeyboardInterrupt) as error:
            if interruption.occurred or isinstance(error, KeyboardInterrupt):
                print_error(f"{command}: stopped")
                return STOPPED
            if error is not output.failure():
                return _code_of(error, command)
            code = DONE
    return finished(code, command, output)


def finished(code: int, command: str, output: Output) -> int:
    """``code``, or ``REFUSED`` if standard output could not be written; a closed pipe is no error."""
    failure = output.failure()
    if failure is None or failure.errno == errno.EPIPE:
        return code
    print_error(f"{command}: cannot write to standard output: {failure.strerror}")
    return REFUSED


def _code_of(error: BaseException, command: str) -> int:
    """Print an error of the request or the machine in one line; raise any other error."""
    match error:
        case CountingError():
            reason = str(error)
        case MemoryError():
            reason = "not enough memory"
        case OSError():
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        case _:
            raise error
    print_error(f"{command}: {reason}")
    return REFUSED
