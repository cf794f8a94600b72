"""Download of all files of a result into a folder.

A plan is made first: which files the folder has, which names the others get, and which addresses are refused. Threads
then transfer the files; the calling thread reports progress, and on Ctrl-C ends all requests and keeps their parts.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from pathlib import Path, PurePosixPath
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.downloads.addresses import RefusedAddress, check_url
from auroraql.downloads.connections import DownloadSession
from auroraql.downloads.hosts import Hosts, Stopped
from auroraql.downloads.limits import DEFAULT_AT_ONCE, MAX_AT_ONCE
from auroraql.downloads.manifest import DownloadFolder, ManifestEntry, OutsideFolder, describe_os_error, open_folder
from auroraql.downloads.part_file import OccupiedName, PartFile, hash_file
from auroraql.downloads.report import (
    DownloadedFile,
    DownloadProgress,
    FailedDownload,
    OnDownloadProgress,
    PlannedFile,
    Report,
)
from auroraql.downloads.targets import NameTemplate, Product, name_by_url
from auroraql.downloads.transfer import MissingFile, TransferContext, TransferFailed, TransferLimits, fetch_into
from auroraql.results.result_set import ResultSet

_PROGRESS_SECONDS = 0.2
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors after which no other file can be written either."""


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """Options of a download, see `ResultSet.download`."""

    at_once: int = DEFAULT_AT_ONCE
    name: str | None = None
    verify: bool = False
    dry_run: bool = False
    on_progress: OnDownloadProgress | None = None
    limits: TransferLimits = field(default_factory=TransferLimits)


def download_result(result: ResultSet, folder: str | os.PathLike[str], options: DownloadOptions) -> Report:
    """Download the files of a result into a folder. Raises UsageError before the first request, and KeyboardInterrupt."""
    check_downloadable(result.demonstration)
    if not 1 <= options.at_once <= MAX_AT_ONCE:
        raise UsageError(f"the number of files at once is not from 1 to {MAX_AT_ONCE}: {options.at_once}")
    products, failed = _collect_products(result)
    template = None
    if options.name is not None:
        columns = [column.name for column in result.columns]
        template = NameTemplate(options.name, columns, {key for product in products for key in product.values})
    path = Path(os.fspath(folder)).expanduser()
    job = _DownloadJob(path, result, products, template, options)
    return job.run(failed)


def check_downloadable(demonstration: bool) -> None:
    """Raise UsageError for the demonstration archive, whose records have no files."""
    if demonstration:
        raise UsageError(
            "the demonstration archive has no files: its addresses are synthetic",
            "choose another archive, for example --archive aurorax",
        )


def _collect_products(result: ResultSet) -> tuple[list[Product], list[FailedDownload]]:
    """Return the files of a result, each URL once, and the rows without one. Raises UsageError without a column url."""
    names = [column.name for column in result.columns]
    position = next((n for n, name in enumerate(names) if name.rpartition(".")[2] == "url"), None)
    if position is None:
        raise UsageError("the result has no column url", "add url to SELECT")
    products: dict[str, Product] = {}
    failed = []
    for number, row in enumerate(result, 1):
        url = row[position]
        if not isinstance(url, str) or not url:
            failed.append(FailedDownload("", None, f"row {number:,} of the result has no URL"))
            continue
        address = url.partition("#")[0].strip()
        if address not in products:
            products[address] = Product(address, _values(names, row))
    return list(products.values()), failed


def _values(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """Return the values of a row by column, by the last part of a column's name, and those of its metadata by key."""
    values = dict(zip(names, row, strict=True))
    metadata = values.get("metadata")
    short = {name.rpartition(".")[2]: value for name, value in values.items()}
    return {**(metadata if isinstance(metadata, dict) else {}), **short, **values}


@dataclass(slots=True)
class _Plan:
    """What a download does with each URL."""

    kept: dict[str, DownloadedFile] = field(default_factory=dict)
    targets: dict[str, Path] = field(default_factory=dict)
    failed: dict[str, FailedDownload] = field(default_factory=dict)


_Outcome = DownloadedFile | FailedDownload


class _DownloadJob:
    """One download and its retries."""

    def __init__(
        self,
        path: Path,
        result: ResultSet,
        products: Sequence[Product],
        template: NameTemplate | None,
        options: DownloadOptions,
    ) -> None:
        self._path, self._products, self._template, self._options = path, products, template, options
        self._allow_local = result.is_local
        self._statement = result.provenance.statement if result.provenance is not None else ""

    def run(self, failed: Sequence[FailedDownload], products: Sequence[Product] | None = None) -> Report:
        """Download the products, by default all of them. `failed` are rows without a URL."""
        chosen = self._products if products is None else products
        if self._options.dry_run:
            return self._plan_only(failed, chosen)
        with open_folder(self._path) as folder:
            plan = self._plan(folder, chosen)
            outcomes = self._transfer(folder, plan) if plan.targets else {}
        return self._report({**plan.kept, **plan.failed, **outcomes}, chosen, failed)

    def _report(
        self, outcomes: Mapping[str, _Outcome], chosen: Sequence[Product], failed: Sequence[FailedDownload]
    ) -> Report:
        ordered = [outcomes[product.url] for product in chosen]
        files = tuple(outcome for outcome in ordered if isinstance(outcome, DownloadedFile))
        failures = tuple(outcome for outcome in ordered if isinstance(outcome, FailedDownload))
        return Report(self._path, files, (*failed, *failures), retry_failed=self._retry)

    def _retry(self, report: Report) -> Report:
        """Download the failed files again. The other files of the report stay."""
        urls = {failure.url for failure in report.failed if failure.url and not failure.is_missing}
        again = self.run([], [product for product in self._products if product.url in urls])
        files = {file.url: file for file in chain(report.files, again.files)}
        order = {product.url: number for number, product in enumerate(self._products)}
        failed = [*(failure for failure in report.failed if failure.url not in urls), *again.failed]
        return replace(
            again,
            files=tuple(sorted(files.values(), key=lambda file: order[file.url])),
            failed=tuple(sorted(failed, key=lambda failure: order.get(failure.url, -1))),
        )

    # --- planning

    def _plan_only(self, failed: Sequence[FailedDownload], chosen: Sequence[Product]) -> Report:
        folder = DownloadFolder(self._path)
        plan = self._plan(folder, chosen)
        planned: list[PlannedFile] = []
        for product in chosen:
            url = product.url
            if url in plan.kept:
                planned.append(PlannedFile(url, plan.kept[url].path, "keep"))
            elif url in plan.targets:
                begun = PartFile(plan.targets[url], url).exists()
                shown = folder.show_path(plan.targets[url])
                planned.append(PlannedFile(url, shown, "resume" if begun else "download"))
        return Report(self._path, failed=(*failed, *plan.failed.values()), planned=tuple(planned), is_dry_run=True)

    def _plan(self, folder: DownloadFolder, chosen: Sequence[Product]) -> _Plan:
        """Decide what to do with each product, without requests. Raises UsageError."""
        plan = _Plan()
        allowed: list[Product] = []
        for product in chosen:
            try:
                check_url(product.url, allow_local=self._allow_local)
            except RefusedAddress as error:
                plan.failed[product.url] = FailedDownload(product.url, None, str(error))
            else:
                allowed.append(product)
        for url, relative in self._name_files(folder, allowed).items():
            self._plan_file(folder, plan, url, relative)
        return plan

    def _name_files(self, folder: DownloadFolder, products: Sequence[Product]) -> dict[str, PurePosixPath]:
        """Return the path of each product: that of the manifest, or a new name."""
        known = {url: PurePosixPath(entry.path) for url, entry in folder.entries.items()}
        new = [product for product in products if product.url not in known]
        if self._template is not None:
            names = self._template.names(new, {path: url for url, path in known.items()})
        else:
            names = name_by_url([product.url for product in new], known.values())
        return {product.url: known.get(product.url) or names[product.url] for product in products}

    def _plan_file(self, folder: DownloadFolder, plan: _Plan, url: str, relative: PurePosixPath) -> None:
        shown = self._path.joinpath(*relative.parts)
        try:
            target = folder.find_path(relative)
            entry = folder.entries.get(url)
            if not target.exists():
                PartFile(target, url)  # raises for a part of the user's
                plan.targets[url] = target
            elif entry is not None:
                self._check_kept(target, entry)
                if not self._options.dry_run:
                    PartFile.remove_leftovers(target, url)
                plan.kept[url] = DownloadedFile(url, shown, entry.size, entry.sha256, is_new=False)
            elif PartFile(target, url).is_whole:
                plan.targets[url] = target  # perhaps renamed by a run that did not end
            else:
                raise OccupiedName("a file with this name exists that is not in the manifest; it is kept")
        except (OccupiedName, OutsideFolder) as error:
            plan.failed[url] = FailedDownload(url, shown, f"{make_visible(str(shown))}: {error}")
        except OSError as error:
            reason = f"{make_visible(str(shown))} cannot be read: {describe_os_error(error)}"
            plan.failed[url] = FailedDownload(url, shown, reason)

    def _check_kept(self, target: Path, entry: ManifestEntry) -> None:
        """Raise OccupiedName for a file that differs from its line in the manifest."""
        is_same = target.is_file() and target.stat().st_size == entry.size
        if is_same and self._options.verify:
            is_same = hash_file(target) == entry.sha256
        if not is_same:
            raise OccupiedName(
                "the file differs from the one that was downloaded; it is kept. Delete it to download it again"
            )

    # --- transfers

    def _transfer(self, folder: DownloadFolder, plan: _Plan) -> dict[str, _Outcome]:
        """Transfer the planned files and return their outcomes. On Ctrl-C, end all requests and keep the parts."""
        session, hosts = DownloadSession(allow_local=self._allow_local), Hosts()
        counter = _ByteCounter()
        context = TransferContext(session, hosts, self._allow_local, self._options.limits, counter.add)
        writer = _FileWriter(folder, context, self._statement)
        with closing(session), _ending_on_interrupt(session, hosts, self._options.at_once) as executor:
            futures = {
                executor.submit(writer.download, url, plan.targets[url]): url for url in _interleave(plan.targets)
            }
            self._wait(futures, counter)
        return {futures[future]: future.result() for future in futures}

    def _wait(self, futures: Mapping[Future[_Outcome], str], counter: _ByteCounter) -> None:
        """Wait until all transfers end, and report progress. Raises the error of a transfer that failed unexpectedly."""
        watch, began = self._options.on_progress, time.monotonic()
        ended: SimpleQueue[Future[_Outcome]] = SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        done = 0
        try:
            while done < len(futures):
                with suppress(Empty):
                    ended.get(timeout=_PROGRESS_SECONDS).result()
                    done += 1
                if watch is not None and not counter.is_recent():
                    watch(DownloadProgress(done, len(futures), counter.bytes, time.monotonic() - began))
        finally:
            if watch is not None:
                watch(None)


class _ByteCounter:
    """Counter of received bytes, for progress."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lock, self._reported = threading.Lock(), 0.0

    def add(self, count: int) -> None:
        """Add received bytes; any thread may call it."""
        with self._lock:
            self.bytes += count

    def is_recent(self) -> bool:
        """Return whether progress was reported a moment ago; otherwise note that it is now."""
        now = time.monotonic()
        if now - self._reported < _PROGRESS_SECONDS:
            return True
        self._reported = now
        return False


@contextmanager
def _ending_on_interrupt(session: DownloadSession, hosts: Hosts, at_once: int) -> Iterator[ThreadPoolExecutor]:
    """Return an executor. When the block fails or is interrupted, end the requests so that its threads end at once."""
    executor = ThreadPoolExecutor(at_once, thread_name_prefix="auroraql-download")
    try:
        yield executor
    except BaseException:
        hosts.stop.set()
        session.shut_down()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _interleave(urls: Mapping[str, Path]) -> list[str]:
    """Return URLs in an order in which hosts alternate, so that one host's limit does not hold up the others."""
    by_host: dict[str, list[str]] = {}
    for url in urls:
        by_host.setdefault(urlsplit(url).netloc, []).append(url)
    return [url for turn in zip_longest(*by_host.values()) for url in turn if url is not None]


class _FileWriter:
    """Downloads single files into a folder; its threads share it."""

    def __init__(self, folder: DownloadFolder, context: TransferContext, statement: str) -> None:
        self._folder, self._context, self._statement = folder, context, statement
        self._full_disk = ""

    def download(self, url: str, target: Path) -> _Outcome:
        """Transfer one file, give it its name, and add it to the manifest."""
        shown = self._folder.show_path(target)
        fail: Callable[[str], FailedDownload] = lambda reason: FailedDownload(url, shown, reason)  # noqa: E731
        if self._full_disk:
            return fail(self._full_disk)
        try:
            return self._download(url, target, shown)
        except MissingFile as error:
            return FailedDownload(url, shown, str(error), is_missing=True)
        except (TransferFailed, RefusedAddress) as error:
            return fail(str(error))
        except (OccupiedName, OutsideFolder) as error:
            return fail(f"{make_visible(str(shown))}: {error}")
        except Stopped:
            return fail(self._full_disk or "the download was interrupted")
        except OSError as error:
            return fail(self._describe_disk_error(error, shown))

    def _download(self, url: str, target: Path, shown: Path) -> DownloadedFile:
        relative = PurePosixPath(target.relative_to(self._folder.root).as_posix())
        part = PartFile(self._folder.find_path(relative), url)
        try:
            if not part.find_unlisted():
                if target.exists():
                    raise OccupiedName("a file with this name exists that is not in the manifest; it is kept")
                part.open()
                fetch_into(part, self._context)
                part.finish()
        except MissingFile:
            part.discard()
            raise
        finally:
            part.close()
        info = part.info
        entry = ManifestEntry(
            url,
            str(relative),
            info.size or 0,
            info.sha256,
            info.etag,
            info.last_modified,
            self._statement,
        )
        self._folder.append(entry)
        part.forget_info()
        return DownloadedFile(url, shown, entry.size, entry.sha256, is_new=True)

    def _describe_disk_error(self, error: OSError, shown: Path) -> str:
        """Return the reason of a failure of the disk. After a full disk, nothing more is requested."""
        reason = describe_os_error(error)
        if error.errno in _FULL_DISK:
            self._full_disk = f"cannot write to '{make_visible(str(self._folder.path))}': {reason}"
            self._context.hosts.stop.set()
            return self._full_disk
        return f"{make_visible(str(shown))} cannot be written: {reason}"
