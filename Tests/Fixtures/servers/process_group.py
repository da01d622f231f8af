"""Waiting for processes: looks until a condition holds, with a limit."""
import time


def wait_until(condition, seconds, what, process=None):
    """Looks every 20 ms. A process that has ended before the condition holds ends the wait.

    Raises TimeoutError, whose text says what did not happen.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        if process is not None and process.poll() is not None:
            raise TimeoutError(f"the process has ended with {process.returncode} before {what}")
        time.sleep(0.02)
    raise TimeoutError(f"not within {seconds} s: {what}")
