"""Poller for background jobs: a few worker threads, which end when there are no jobs left.

Invariant: at most MAX_WORKERS jobs are polled at a time, and at most MAX_IMMEDIATE_POLLS polls start per second.
"""

from __future__ import annotations

import heapq
import sys
import threading
import time
from collections.abc import Callable, Hashable
from itertools import count
from typing import Generic, Protocol, TypeVar

MAX_WORKERS = 4
"""Maximum number of jobs that are polled or run at the same time."""

MAX_IMMEDIATE_POLLS = 10
"""Maximum number of polls per second over all jobs."""


class PolledJob(Hashable, Protocol):
    """Background job, as the poller needs it."""

    def poll(self) -> float | None:
        """Poll the job, or run it. Return the seconds until the next poll, or None when finished."""


Job = TypeVar("Job", bound=PolledJob)


class JobPoller(Generic[Job]):
    """Polls jobs until they end; calls `on_end` with each on a worker thread."""

    def __init__(self, on_end: Callable[[Job], object]) -> None:
        self._on_end = on_end
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Job]] = []
        self._jobs: set[Job] = set()
        """Jobs that have not ended."""
        self._polling: set[Job] = set()
        """Jobs that are being polled."""
        self._awaited: set[Job] = set()
        """Jobs that `poll_all` waits for."""
        self._poll_again: set[Job] = set()
        """Jobs that were being polled when `poll_all` was called, and are polled once more."""
        self._numbers = count()
        self._workers, self._closed = 0, False

    def add(self, job: Job) -> None:
        """Add a job, unless it is present."""
        with self._changed:
            is_new = job not in self._jobs
            self._jobs.add(job)
        if is_new:
            self._schedule(job, 0.0)

    def _schedule(self, job: Job, after: float) -> None:
        """Schedule a poll of a job after `after` seconds, and start a worker if necessary."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._due, (time.monotonic() + after, next(self._numbers), job))
            if self._workers < min(MAX_WORKERS, len(self._due) + len(self._polling)):
                self._workers += 1
                threading.Thread(target=self._work, name="auroraql-watching", daemon=True).start()
            self._changed.notify()

    def poll_all(self, seconds: float) -> None:
        """Poll every job now, and wait until that is done, at most `seconds`."""
        with self._changed:
            self._awaited, self._poll_again = {job for _, _, job in self._due} | self._polling, set(self._polling)
            self._due = [(0.0, number, job) for _, number, job in self._due]
            heapq.heapify(self._due)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._awaited, seconds)

    def close(self) -> None:
        """Stop polling and calling `on_end`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (job := self._next_due()) is not None:
            try:
                self._poll_job(job)
            except Exception:  # an error of `on_end`: report it as threads do, and poll the other jobs
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _poll_job(self, job: Job) -> None:
        delay = job.poll()
        with self._changed:
            self._polling.discard(job)
            if delay is None:
                self._jobs.discard(job)
            elif job in self._poll_again:
                delay = 0.0
            else:
                delay = max(delay, (len(self._due) + 1) / MAX_IMMEDIATE_POLLS)
            if delay != 0.0:
                self._awaited.discard(job)
                self._changed.notify_all()
            self._poll_again.discard(job)
        if delay is not None:
            self._schedule(job, delay)
        elif not self._closed:
            self._on_end(job)

    def _next_due(self) -> Job | None:
        """Wait for the next due job. Return None, and end the worker, when there are no jobs."""
        with self._changed:
            while self._due and not self._closed:
                remaining = self._due[0][0] - time.monotonic()
                if remaining <= 0:
                    job = heapq.heappop(self._due)[2]
                    self._polling.add(job)
                    return job
                self._changed.wait(remaining)
            self._workers -= 1
            return None
