from auroraql.api import parse as parse
from auroraql.api import parse_script as parse_script
from auroraql.api import translate as translate
from auroraql.diagnostics.errors import ArchiveError as ArchiveError
from auroraql.diagnostics.errors import AuroraQLError as AuroraQLError
from auroraql.diagnostics.errors import AuroraQLWarning as AuroraQLWarning
from auroraql.diagnostics.errors import Cancelled as Cancelled
from auroraql.diagnostics.errors import Diagnostic as Diagnostic
from auroraql.diagnostics.errors import Failed as Failed
from auroraql.diagnostics.errors import Refused as Refused
from auroraql.diagnostics.errors import Source as Source
from auroraql.diagnostics.errors import StatementError as StatementError
from auroraql.diagnostics.errors import TimedOut as TimedOut
from auroraql.diagnostics.errors import Unreachable as Unreachable
from auroraql.diagnostics.errors import UsageError as UsageError
from auroraql.language_service.editing import check as check
from auroraql.language_service.editing import complete as complete
from auroraql.language_service.editing import explain as explain
from auroraql.language_service.editing import format_text as format_text
from auroraql.language_service.editing import hover as hover
from auroraql.results.result_set import ResultSet as ResultSet
from auroraql.session.archive import Archive as Archive
from auroraql.session.archive import Search as Search
from auroraql.session.archive import connect as connect

__version__: str
