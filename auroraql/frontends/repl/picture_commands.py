r"""Commands that draw: \timeline, \calendar, \plot and \show. They are loaded when one is first used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import platformdirs

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.diagnostics.suggestions import find_closest
from auroraql.frontends.repl.display import expand_path, write_text
from auroraql.frontends.repl.result_commands import last_result
from auroraql.frontends.repl.state import ReplState
from auroraql.frontends.shared.download_progress import download_status_line
from auroraql.frontends.shared.terminal_query import TerminalImages, query_terminal
from auroraql.pictures import PICTURE_NAMES
from auroraql.pictures.keograms import KeogramImage, to_image
from auroraql.pictures.picture import PICTURE_SUFFIXES, has_matplotlib, picture_suffix
from auroraql.pictures.registry import choose_picture, get_picture_kind
from auroraql.pictures.terminal_images import encode_image, render_image
from auroraql.results.result_set import ResultSet

_INLINE_DPI = 100
_MAX_IMAGE_COLUMNS, _MAX_IMAGE_BYTES = 160, 50_000_000
"""Widest image of characters, and largest file that is shown."""


def show_timeline(state: ReplState, argument: str) -> str:
    """Draw the last result, or a stored one, over time."""
    result = last_result(state) if not argument else _get_result(state, argument)
    _draw_picture(state, result, "timeline")
    return ""


def show_calendar(state: ReplState, argument: str) -> str:
    """Draw the records of each source and day of the last result, or of a stored one."""
    result = last_result(state) if not argument else _get_result(state, argument)
    _draw_picture(state, result, "availability")
    return ""


def _draw_picture(state: ReplState, result: ResultSet, name: str) -> None:
    """Draw a picture with characters."""
    picture = state.archive.picture(result, name)
    write_text(state, picture.render_text(replace(state.screen, height=state.height)))


def plot_result(state: ReplState, argument: str) -> str:
    """Draw a picture of the last result, or write it to a file."""
    result = last_result(state)
    name, _, rest = argument.partition(" ")
    if name.lower() not in PICTURE_NAMES:
        is_file = not name or Path(name).suffix.lower() in PICTURE_SUFFIXES
        name, rest = (choose_picture(result), argument) if is_file else (get_picture_kind(name).name, rest)
    if not rest.strip():
        return _plot_inline(state, result, name)
    path = expand_path(rest)
    picture_suffix(path)
    picture = state.archive.picture(result, name)
    picture.save(path)
    return f"{path}: {picture.title}"


def _get_result(state: ReplState, name: str) -> ResultSet:
    result = state.archive.results.get(name)
    if result is None:
        matches = find_closest(name, state.archive.results, 1)
        hint = (
            f"did you mean {matches[0]}?"
            if matches
            else "SHOW RESULTS lists the stored results; LET name = FIND … stores one"
        )
        raise UsageError(f"the result '{make_visible(name)}' does not exist", hint)
    return result


def show_product(state: ReplState, argument: str) -> str:
    """Show the image of a row's product in the terminal; other files are downloaded and their path is printed."""
    result = last_result(state)
    if not (argument or "1").isdigit() or not 1 <= int(argument or "1") <= len(result):
        raise UsageError(f"there is no row {argument or 1}", f"the result has rows 1 to {len(result):,}")
    number = int(argument or "1")
    folder = Path(platformdirs.user_cache_dir("auroraql", appauthor=False)) / "products"
    report = result[number - 1 : number].download(folder, on_progress=download_status_line(state.stream, state.keys))
    if not report.files:
        raise UsageError(report.describe_failures(), f"\\open {number} opens the address in the browser")
    path = report.files[0].path
    image = to_image(path.read_bytes()) if path.stat().st_size <= _MAX_IMAGE_BYTES else None
    if image is None:
        return f"{path} is not a PNG or JPEG image"
    try:
        _write_image(state, image)
    except UsageError as error:
        return f"{path}\n{error}"
    return str(path)


def _plot_inline(state: ReplState, result: ResultSet, name: str) -> str:
    """Draw a picture as an image if the terminal shows images and matplotlib is installed, otherwise with characters."""
    images = _ask_terminal(state)
    if images.protocol is None or not has_matplotlib():
        _draw_picture(state, result, name)
        return "" if images.protocol is None else "pip install 'auroraql[plot]' draws images in this terminal"
    picture = state.archive.picture(result, name)
    _write_image(state, KeogramImage(picture.png(dpi=_INLINE_DPI), "image/png"))
    return picture.title


def _write_image(state: ReplState, image: KeogramImage) -> None:
    """Write an image to the terminal, by its protocol or with characters. Raises UsageError if it cannot be read."""
    images = _ask_terminal(state)
    if images.protocol is None:
        text = render_image(image, min(state.width, _MAX_IMAGE_COLUMNS), blocks=state.screen.blocks, color=state.color)
        chunks = list(text)
    else:
        chunks = list(encode_image(image, images.protocol, state.width * images.cell_width))
    state.stream.writelines(chunks)
    state.stream.flush()


def _ask_terminal(state: ReplState) -> TerminalImages:
    """Return what the terminal can show. It is asked once."""
    if state.images is None:
        state.images = query_terminal(state.stream, state.keys)
    return state.images
