r"""Output of results: to the terminal, through a pager when long, and to the files of `\o` and `\tee`."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.frontends.repl.state import ReplState
from auroraql.frontends.shared.pager import choose_pager, ignore_interrupts, max_page_lines
from auroraql.frontends.shared.pager import write_paged as put_on
from auroraql.rendering import ResultFormat, format_footer, format_of, get_format
from auroraql.rendering.text_output import RenderOptions
from auroraql.results.result_set import ResultSet


def show_result(state: ReplState, result: ResultSet, format: str = "") -> None:
    """Print the result of a statement: warnings, rows, and a footer with row count and time."""
    state.show_warnings(result.warnings, result.source)
    if result.note:
        state.say(result.note)
        return
    if not result.is_report:
        state.last = result
    started = time.monotonic()
    chosen_format = get_format(format or state.format)
    if state.output is not None:
        append_result(state.output, result, chosen_format)
        state.say(f"{state.output}: {format_footer(result)}")
        return
    if state.tee is not None:
        append_result(state.tee, result, chosen_format)
    write_text(state, chosen_format.render_screen(result, state.screen))
    state.say(format_footer(result))
    if state.timing:
        state.say(
            f"time: {result.elapsed * 1000:.1f} ms to search, {(time.monotonic() - started) * 1000:.1f} ms to display"
        )
        if result.request_ids:
            state.say(f"request IDs: {', '.join(result.request_ids)}")


def write_text(state: ReplState, chunks: Iterable[str], *, wide: bool = False) -> None:
    """Write text to the terminal, through the pager when it is longer than the screen or, if `wide`, wider."""
    command = choose_pager(os.environ, state.switches.pager, stays=wide) if state.pages else []
    put_on(state.stream, chunks, command, lines=max_page_lines(), width=state.width if wide else None)


def print_text(state: ReplState, text: str) -> None:
    """Print the output of a command, through the pager when long, with control characters escaped."""
    write_text(state, (make_visible(line) + "\n" for line in text.splitlines()))


def append_result(path: Path, result: ResultSet, chosen: ResultFormat) -> None:
    """Append a result to a file, in the format of its suffix or else the chosen one. Write all of it or nothing.

    Raises UsageError when the file cannot be written.
    """
    target_format = format_of(path) or chosen
    chunks = target_format.render_screen(result, RenderOptions())
    try:
        with _append_atomically(path), path.open("ab") as stream:
            for chunk in chunks:
                stream.write(chunk.encode())
    except OSError as error:
        raise UsageError(f"cannot write '{make_visible(str(path))}': {error.strerror or error}") from None


def check_appendable(path: Path) -> None:
    """Raise UsageError when a file cannot be written to. Does not create the file."""
    reason = None
    if path.is_dir():
        reason = errno.EISDIR
    elif not path.parent.is_dir():
        reason = errno.ENOENT if not path.parent.exists() else errno.ENOTDIR
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        reason = errno.EACCES
    if reason is not None:
        raise UsageError(f"cannot write '{make_visible(str(path))}': {os.strerror(reason)}") from None


@contextmanager
def _append_atomically(path: Path) -> Iterator[None]:
    """Keep other programs from appending within the block. Undo a partial append, also when it is interrupted."""
    with path.open("ab") as locked:
        _lock_file(locked)
        before = os.fstat(locked.fileno()).st_size if path.is_file() else 0
        try:
            yield
        except BaseException:
            with suppress(OSError):
                if path.is_file():
                    os.truncate(path, before)
            raise


def _lock_file(stream: BinaryIO) -> None:
    """Wait until no other program holds the lock of a file, and hold it until the stream is closed."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    with suppress(OSError):  # a file system without locks
        fcntl.flock(stream, fcntl.LOCK_EX)


def pipe_result(result: ResultSet, command: str, format: str) -> int:
    """Write the whole result, uncoloured, to a shell command and return its exit code.

    Raises UsageError when there is no shell.
    """
    try:
        with ignore_interrupts(), subprocess.Popen(command, shell=True, stdin=subprocess.PIPE) as process:  # noqa: S602 - the user asked for a shell command
            assert process.stdin is not None  # noqa: S101 - set by stdin=PIPE
            with suppress(BrokenPipeError):
                for chunk in get_format(format).encode_result(result):
                    process.stdin.write(chunk)
            with suppress(BrokenPipeError):
                process.stdin.close()
    except OSError as error:
        raise UsageError(f"cannot run '{make_visible(command)}': {error.strerror or error}") from None
    return process.returncode


def supports_links(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal supports OSC 8 hyperlinks, or FORCE_HYPERLINK requests them."""
    if environ.get("FORCE_HYPERLINK"):
        return environ["FORCE_HYPERLINK"] != "0"
    if environ.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio"):
        return True
    if environ.get("TERM", "").startswith(("xterm-kitty", "foot", "alacritty", "xterm-ghostty")):
        return True
    vte = environ.get("VTE_VERSION", "")
    return (vte.isdigit() and int(vte) >= 5000) or any(name in environ for name in ("WT_SESSION", "KONSOLE_VERSION"))


def expand_path(argument: str) -> Path:
    """Return the path of a command's argument, without quotes and with `~` expanded."""
    return Path(argument.strip().strip("'\"")).expanduser()
