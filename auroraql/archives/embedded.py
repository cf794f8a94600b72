"""The embedded archive: a DuckDB catalogue, either the demonstration or a user's file, asked in SQL.

A plan's Query is run whole, in one statement; its requests and residual are not needed here.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from auroraql.archives.base import Capabilities, LogLine, Status
from auroraql.archives.catalogue_file import first_line, open_catalogue
from auroraql.archives.demo.store import NAME, forget, open_demo
from auroraql.errors import Cancelled, Failed, Refused, TimedOut, Unreachable
from auroraql.plan import Plan
from auroraql.results import Fetched, ResultColumn, Row, result_columns
from auroraql.schema import Type
from auroraql.schema.catalogue import Catalogue, DataSource, read_metadata_rows, shipped
from auroraql.sql.layout import LAYOUTS
from auroraql.sql.statement import Statement, compile_query
