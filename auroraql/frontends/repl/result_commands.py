"""Commands about results: print, export, pipe, open, draw, and watch for new rows."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from auroraql.diagnostics.errors import AuroraQLError, UsageError, make_visible
from auroraql.frontends.repl.display import check_appendable, expand_path, pipe_result, show_result, write_text
from auroraql.frontends.repl.run_statements import iterate_results
from auroraql.frontends.repl.state import ReplState
from auroraql.frontends.shared.download_progress import download_status_line
from auroraql.rendering import FORMATS, format_footer, format_of, get_format, write_result
from auroraql.results.result_set import ResultSet
from auroraql.session.web_links import WEB_PAGES, find_web_url

ON_OFF = ("on", "off")


def last_result(state: ReplState) -> ResultSet:
    """Return the last result. Raises UsageError when there is none."""
    if state.last is None:
        raise UsageError("there is no result yet", "run a FIND first")
    return state.last


def show_last(state: ReplState, argument: str) -> str:
    """Print the last result with every column and row, or in another format."""
    result = last_result(state)
    whole = replace(state.screen, width=None)
    write_text(state, get_format(argument or "table").render_screen(result, whole), wide=True)
    return format_footer(result)


def show_last_vertically(state: ReplState, _argument: str) -> str:
    """Print the last result with one value per line."""
    show_result(state, last_result(state), "vertical")
    return ""


def set_vertical(state: ReplState, argument: str) -> str:
    """Switch the vertical view on or off."""
    on = _parse_on_off("x", argument, now=state.format == "vertical")
    if state.format == "vertical" and not on:
        state.archive.settings.set_format(state.before_vertical)
    elif state.format != "vertical" and on:
        state.before_vertical = state.format
        state.archive.settings.set_format("vertical")
    return f"results are shown as {state.format}"


def _parse_on_off(command: str, argument: str, *, now: bool) -> bool:
    """Return the new state of an option: on or off as given, else toggled. Raises UsageError for another word."""
    word = argument.casefold()
    if word and word not in ON_OFF:
        raise UsageError(
            f"\\{command} takes on or off, not '{make_visible(argument)}'", "without an argument it toggles"
        )
    return word == "on" if word else not now


def set_format(state: ReplState, argument: str) -> str:
    """Set the format of results, or list the formats when none is given."""
    if not argument:
        return "\n".join(
            f"{'*' if row.name == state.format else ' '} {row.name:8}  {row.doc}" for row in FORMATS.values()
        )
    if get_format(argument).render is None:
        raise UsageError(
            f"{argument.lower()} is a binary format, and a terminal cannot show it", "\\export FILE writes it"
        )
    state.archive.settings.set_format(argument)
    return f"results are shown as {state.format}"


def export_result(state: ReplState, argument: str) -> str:
    """Write the last result to a file in the format of its suffix, without repeating the search."""
    result = last_result(state)
    if not argument:
        raise UsageError("\\export needs a file", "for example \\export keograms.csv")
    path = expand_path(argument)
    write_result(result, path)
    return f"{path}: {format_footer(result)}"


def download_files(state: ReplState, argument: str) -> str:
    """Download the files of the last result into a folder, and report the failed ones."""
    result = last_result(state)
    if not argument:
        raise UsageError("\\download needs a folder", "for example \\download data")
    progress = download_status_line(state.stream, state.keys)
    try:
        return str(result.download(expand_path(argument), on_progress=progress))
    except KeyboardInterrupt:
        return "interrupted; the same command continues the download"


def set_output(state: ReplState, argument: str) -> str:
    """Redirect results to a file, or back to the terminal when no file is given."""
    path = expand_path(argument) if argument else None
    message = (
        f"{_output_target(state, path)}; \\o without a file ends this"
        if path is not None
        else "results go to the terminal"
    )
    state.output = path
    return message


def set_tee(state: ReplState, argument: str) -> str:
    """Copy results to a file as well, or stop when no file is given."""
    path = expand_path(argument) if argument else None
    end_message = "results go only to the terminal"
    message = f"{_output_target(state, path)} too; \\tee without a file ends this" if path is not None else end_message
    state.tee = path
    return message


def _output_target(state: ReplState, path: Path) -> str:
    """Return a sentence with the target and the format. Raises UsageError for a format that cannot be appended to."""
    target_format = format_of(path) or get_format(state.format)
    if target_format.render is None:
        raise UsageError(
            f"results cannot be appended to a {target_format.name} file", f"\\export {path} writes one result"
        )
    check_appendable(path)
    return f"results go to {path} as {target_format.name}"


def pipe_last_result(state: ReplState, argument: str) -> str:
    """Send the last result to a shell command."""
    result = last_result(state)
    if not argument:
        raise UsageError("\\pipe needs a command", "for example \\pipe sort | head")
    state.stream.flush()
    code = pipe_result(result, argument, state.format)
    return f"the command exited with status {code}" if code else ""


def open_product(state: ReplState, argument: str) -> str:
    """Open the URL of a row in a browser, by default the first row, or the web page that shows the search."""
    result = last_result(state)
    page = WEB_PAGES.get(argument.lower())
    if page is not None:
        return _open_url(find_web_url(page, result.archive, result.kind, result.request_ids, len(result)))
    url_column = next((i for i, column in enumerate(result.columns) if column.name.rpartition(".")[2] == "url"), None)
    if url_column is None:
        raise UsageError("the last result has no column url", "add url to SELECT")
    if not (argument or "1").isdigit() or not 1 <= int(argument or "1") <= len(result):
        raise UsageError(f"there is no row {argument or 1}", f"the result has rows 1 to {len(result):,}")
    url = next(islice(result, int(argument or "1") - 1, None))[url_column]
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise UsageError("this row has no URL", "choose another row")
    return _open_url(url)


def _open_url(url: str) -> str:
    import webbrowser

    if not webbrowser.open(url):
        return f"no browser could be opened; the URL is {url}"
    return f"opened {url}"


def set_timing(state: ReplState, argument: str) -> str:
    """Switch timing on or off."""
    state.timing = _parse_on_off("timing", argument, now=state.timing)
    return f"timing is {'on' if state.timing else 'off'}"


def watch_statement(state: ReplState, argument: str) -> str:
    """Repeat the last statement and print new rows, until Ctrl-C."""
    try:
        seconds = float(argument or "60")
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 86_400:
        raise UsageError(f"\\watch takes a number of seconds, not '{make_visible(argument)}'", "for example \\watch 60")
    if not state.statement:
        raise UsageError("there is no statement yet", "run a FIND first")
    seen: dict[int, set[int]] = {}
    while True:
        try:
            with closing(iterate_results(state.archive, state.statement)) as results:
                for number, result in enumerate(results):
                    seen[number] = _show_new(state, result, seen.get(number))
        except AuroraQLError as error:
            state.say(str(error))  # the cause may be gone at the next run
        time.sleep(seconds)


def _show_new(state: ReplState, result: ResultSet, seen: set[int] | None) -> set[int]:
    """Print the rows that were not in the last run, or all rows in the first. Return the hashes of all rows seen."""
    hashes = {hash(repr(row)) for row in result}
    time_of_day = datetime.now().strftime("%H:%M:%S")
    if seen is None:
        show_result(state, result)
        return hashes
    new_rows = [row for row in result if hash(repr(row)) not in seen]
    if not new_rows:
        state.say(f"{time_of_day} no new rows")
        return seen | hashes
    state.say(f"{time_of_day} {len(new_rows):,} new row{'' if len(new_rows) == 1 else 's'}")
    write_text(state, get_format(state.format).render_screen(result.with_rows(new_rows), state.screen))
    return seen | hashes
