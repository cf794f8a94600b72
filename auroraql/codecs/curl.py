"""A search as shell commands: curl submits the request, polls its status and fetches the data.

Every part of the statement is in quotes of the shell, so that no text of it is ever executed.
"""

from __future__ import annotations

import json
from shlex import quote

from auroraql.codecs import query_json
from auroraql.diagnostics.errors import make_visible
from auroraql.ir.plan import Request
from auroraql.schema import PROTOCOLS

_STEPS = """\
set -eu
base="${{AURORAX_URL:-https://api.aurorax.space}}"
request=$(curl -sS --fail-with-body -D - -o /dev/null -X POST "$base{endpoint}" \\
  -H 'Content-Type: application/json' \\
  -d {query} | tr -d '\\r' | sed -n 's/^[Ll]ocation: *//p')
while :; do
  status=$(curl -sS --fail-with-body "$request")
  if printf '%s' "$status" | grep -Eq '"error_condition": *true'; then printf '%s\\n' "$status" >&2; exit 1; fi
  if printf '%s' "$status" | grep -Eq '"data_uri": *"'; then break; fi
  sleep 1
done
{fetch}"""

_FETCH = 'curl -sS --fail-with-body --compressed "$request/data"'


def write_curl(request: Request, statement: str) -> str:
    """Return the commands for a request, for any POSIX shell.

    `statement` is its source text, shown as a comment at the top. The environment variable AURORAX_URL selects
    another service than AuroraX.
    """
    head = "".join(f"# {make_visible(line)}\n" for line in statement.splitlines())
    fetch = _FETCH
    if request.response_format is not None:
        fetch += (
            f" -X POST \\\n  -H 'Content-Type: application/json' \\\n  -d {_quote_document(request.response_format)}"
        )
    query = _quote_document(query_json.write_query_json(request))
    return head + _STEPS.format(endpoint=PROTOCOLS[request.kind].search, query=query, fetch=fetch)


def _quote_document(document: object) -> str:
    return quote(json.dumps(document))
