"""All actions of a key at the prompt, in a process that can open no file and no connection meanwhile.

`python -m tests.support.offline_typing ARCHIVE [STATEMENT]` prints each attempt on its own line. The statement runs
before.
"""

from __future__ import annotations

import io
import socket
import sys
from contextlib import suppress

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from auroraql.frontends.repl.background_checks import BackgroundChecker
from auroraql.frontends.repl.controller import Controller
from auroraql.frontends.repl.controller_protocol import LazyController, ReplOptions
from auroraql.frontends.repl.line_editor import HistorySuggestions, line_editor, render_toolbar
from auroraql.session.archive import connect

TEXTS = (
    (
        "FIND conjunctions OF ground (program = 'trex' AND platform = gilam), space (platform LIKE 'swrma%') "
        "WITHIN 500 km, ground1-space1 ANY VIA nbtrace PRECISION 45 s ON 2021-01-01 06:30;\n"
        "FIND data_products SELECT start, cuont(*) AS n WHERE platform IN c.platform AND keogram_tpye = 'dialy' OR "
        "url LIKE '%x' AND start IN (FIND c) DURING c PADDED BY 5 m; LET x = FIND data_products; SET format = cvs;\n"
        "SHOW METADATA OF data_products FOR trx; FETCH nothing; EXPLAIN FIND ephemeris WHERE epoch > 2021-13-01"
    ),
    '{"start": "2020-01-01T00:00:00", "end": "2020-01-02", "data_sources": {"programs": ["trx"]}, "more": 1}',
    (
        "Find data_products for ((program in (trx) filtered by metadata ()) AND  data_product_metadata_filters []) AND "
        "data_product start >= 2020-02-01T00:00 UTC AND data_product end <= 2020-02-01T23:59:59 UTC AND"
    ),
    'SQL SELECT platfrom, count(*) FROM c WHERE "start" > now() GROUP BY ALL',
    "\\format json",
    "\\d trex",
    "/h WITHIN",
)


def main(archive: str, *statements: str) -> None:
    """Type all texts, key by key."""
    history = InMemoryHistory()
    history.append_string("FIND data_products WHERE program = 'trex' LIMIT 5")
    with connect(archive, late=True) as opened, create_pipe_input() as keyboard:
        switches = ReplOptions(color=True)
        desk = Controller(opened, switches, io.StringIO())
        for statement in statements:
            desk.run(statement)
        behind = LazyController(lambda: desk)
        behind.get()
        checker = BackgroundChecker(desk.check)
        editor = line_editor(switches, behind, checker, history, input=keyboard, output=DummyOutput())
        buffer = Buffer(history=history)
        render_toolbar(switches, checker, editor)
        touched = _forbid()
        for text in TEXTS:
            for end in range(len(text) + 1):
                _key(text[:end], desk, buffer, checker)
                render_toolbar(switches, checker, editor)
        with suppress(OSError):
            socket.socket()  # proves that attempts are reported
        print(*touched, sep="\n")
        touched.clear()


def _key(text: str, desk: Controller, buffer: Buffer, checker: BackgroundChecker) -> None:
    document = Document(text)
    list(desk.complete(document, CompleteEvent(text_inserted=True)))
    line_of = desk.lexer.lex_document(document)
    for line in range(document.line_count):
        line_of(line)
    HistorySuggestions().get_suggestion(buffer, document)
    checker.check_now(text)
    desk.submits(document)


def _forbid() -> list[str]:
    """Report every use of disk or network from now on, and refuse it."""
    touched: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir", "subprocess.Popen") or event.startswith("socket."):
            touched.append(f"{event} {arguments[0]!r}")
            raise OSError("no disk and no network")

    sys.addaudithook(hook)
    return touched


if __name__ == "__main__":
    main(*sys.argv[1:])
