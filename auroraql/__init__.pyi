from auroraql.errors import ArchiveError as ArchiveError
from auroraql.errors import AuroraQLError as AuroraQLError
from auroraql.errors import AuroraQLWarning as AuroraQLWarning
from auroraql.errors import Cancelled as Cancelled
from auroraql.errors import Diagnostic as Diagnostic
from auroraql.errors import Failed as Failed
from auroraql.errors import Refused as Refused
from auroraql.errors import Source as Source
from auroraql.errors import StatementError as StatementError
from auroraql.errors import TimedOut as TimedOut
from auroraql.errors import Unreachable as Unreachable
from auroraql.errors import UsageError as UsageError
from auroraql.public import parse as parse
from auroraql.public import parse_script as parse_script
from auroraql.public import translate as translate
from auroraql.results import ResultSet as ResultSet
from auroraql.session import Archive as Archive
from auroraql.session import Search as Search
from auroraql.session import connect as connect

__version__: str
