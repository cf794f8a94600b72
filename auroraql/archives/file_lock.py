"""Advisory locks on files, which the operating system releases when the process ends, however it ends."""

from __future__ import annotations

from typing import BinaryIO


def lock(file: BinaryIO, *, wait: bool) -> bool:
    """Lock an open file until it is closed; return False when another process holds the lock.

    With `wait`, block until the lock is free. Where the system or the file system has no such locks, return True.
    """
    try:
        import fcntl
    except ImportError:  # Windows: a file that is open cannot be deleted, which is what callers rely on there
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a network file system without locks
        return True
    return True
