"""Every code of an error or warning, with its cause and remedy: the source of grammar/ERRORS.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DiagnosticCode:
    """A kind of error or warning: its title, its cause, and its remedy."""

    title: str
    cause: str
    remedy: str


CODES = {
    "AQL0101": DiagnosticCode(
        "a quote or comment is not closed",
        "A quote or a `/*` is opened and never closed, or a closing quote has no opening one.",
        "Add the missing mark. Double a quote inside a text: `'o''brien'`.",
    ),
    "AQL0102": DiagnosticCode(
        "brackets do not match",
        "A bracket is opened and not closed, closed and not opened, or closed by a bracket of another kind.",
        "Add or remove the bracket at the caret.",
    ),
    "AQL0103": DiagnosticCode(
        "the statement is too long",
        "A statement has more than 1,000,000 characters.",
        "Split it into several statements, or pass long lists as parameters.",
    ),
    "AQL0104": DiagnosticCode(
        "the statement is nested too deeply",
        "Brackets or NOTs are nested more than 200 deep.",
        "Remove parentheses around terms of the same AND or OR, or replace many ORs by an IN list.",
    ),
    "AQL0105": DiagnosticCode(
        "the statement is unfinished",
        "The text ends where more is needed.",
        "Write what the message expects; at the prompt, continue typing.",
    ),
    "AQL0106": DiagnosticCode(
        "a word or sign is not allowed here",
        "A word or sign is correct in itself, but the grammar does not allow it at this place.",
        "The label lists what is allowed.",
    ),
    "AQL0107": DiagnosticCode(
        "a keyword is misspelt",
        "A word is close to a keyword, or the word after FIND is neither a kind of record nor a result.",
        "Use the spelling of the hint.",
    ),
    "AQL0108": DiagnosticCode(
        "a text value has no quotes",
        "A text is written without quotes.",
        "Put it in single quotes: `program = 'themis-asi'`.",
    ),
    "AQL0109": DiagnosticCode(
        "an operator is misspelt",
        "An operator is written as in another language, or NULL is compared with `=`.",
        "The hint shows the spelling of AuroraQL: `=`, `!=`, `>=`, `IS NULL`.",
    ),
    "AQL0110": DiagnosticCode(
        "AND or OR is missing",
        "Two predicates are joined by a comma, or have nothing between them.",
        "Join them with AND or OR.",
    ),
    "AQL0111": DiagnosticCode(
        "a clause is written twice",
        "A statement has the same clause twice.",
        "Keep one of them. Join two WHERE clauses with AND.",
    ),
    "AQL0112": DiagnosticCode(
        "a date has another format",
        "A date is written in another format, which is often ambiguous.",
        "Write dates as `2020-02-01` and times as `2020-02-01T06:30`.",
    ),
    "AQL0113": DiagnosticCode(
        "a unit is missing or unclear",
        "A duration or distance has no unit, or has the unit `m`, which could be minutes, metres or months.",
        "Write `min`, `km` or `months`.",
    ),
    "AQL0114": DiagnosticCode(
        "a comma is missing or superfluous",
        "A comma is missing between two items or follows the last one, or a list is empty.",
        "Add or remove the comma.",
    ),
    "AQL0115": DiagnosticCode(
        "this is not a statement",
        "The text is not a statement, is several statements where one is expected, or is not a search where a search is expected.",
        "Begin a statement with FIND or another keyword of statements. Run a script of several with `auroraql run`.",
    ),
    "AQL0116": DiagnosticCode(
        "a list is too long",
        "A list has more items than its [limit](README.md#limits): values, terms, columns, keys, places, clauses, blocks, distances, traces or names of a path.",
        "Split the search into several. An IN list replaces many ORs.",
    ),
    "AQL0117": DiagnosticCode(
        "a parameter is declared wrongly",
        "A `-- param` line at the head of a script cannot be read, names an unknown type, declares a name twice, or gives a default of another type.",
        "A declaration is a name, a type, optionally a default and a description: `-- param day: date = 2021-01-01  the day`.",
    ),
    "AQL0118": DiagnosticCode(
        "a construct of another language",
        "FIND does not have this construct of SQL or another language, or writes it differently.",
        "The hint shows the equivalent in AuroraQL, which is often SQL over a result kept by LET.",
    ),
    "AQL0119": DiagnosticCode(
        "the script is too long",
        "A script has more than 10,000 statements or 10,000,000 characters.",
        "Split it into several scripts.",
    ),
    "AQL0201": DiagnosticCode(
        "a field is unknown",
        "The records have no such field, or the result has no such column.",
        "Use the spelling of the hint, or list the fields with `SHOW COLUMNS OF` the kind or result.",
    ),
    "AQL0202": DiagnosticCode(
        "a bare word is not a field",
        "The right side of a comparison is a word without quotes that is not a field of the record.",
        "Put it in quotes if you mean the text.",
    ),
    "AQL0203": DiagnosticCode(
        "a value has the wrong type",
        "The value does not fit the type of the field: a number for a text, or a negative distance.",
        "Write a value of the type that the message names.",
    ),
    "AQL0204": DiagnosticCode(
        "a unit does not fit the field",
        "A number has another unit than its field.",
        "Convert the number, or leave the unit out.",
    ),
    "AQL0205": DiagnosticCode(
        "an operator does not fit the field",
        "The operator, function or order makes no sense for the type of the field.",
        "The hint names one that fits.",
    ),
    "AQL0206": DiagnosticCode(
        "a parameter has no value",
        "A statement has `$name`, and no value is given for it.",
        "Give it with `--param name=value`, with `name=…` in Python, or after `\\run NAME` at the prompt, where `\\save NAME` saves a statement.",
    ),
    "AQL0207": DiagnosticCode(
        "two columns have the same name",
        "Two columns of a result would have the same name.",
        "Rename one of them with AS.",
    ),
    "AQL0208": DiagnosticCode(
        "a limit is not a whole number",
        "LIMIT or OFFSET is not a whole number of at least 0.",
        "Write a whole number.",
    ),
    "AQL0209": DiagnosticCode(
        "a function is unknown",
        "There is no function of this name.",
        "The functions are count, min, max, avg and sum.",
    ),
    "AQL0210": DiagnosticCode(
        "a parameter is not used",
        "A value is given for a parameter that no statement has, often because its name is misspelt.",
        "Correct the name, or leave it out.",
    ),
    "AQL0211": DiagnosticCode(
        "a parameter's value cannot be used here",
        "The value of a parameter cannot be used where the statement has it, such as a list in place of one value.",
        "Give a text, number, time or list, as the statement requires.",
    ),
    "AQL0212": DiagnosticCode(
        "a row has several values of a field",
        "With GROUP BY, functions or DISTINCT, a row represents several records, and a column or ORDER BY names a field that may differ between them.",
        "Add the field to GROUP BY, use a function such as `max(…)`, or select it with DISTINCT.",
    ),
    "AQL0213": DiagnosticCode(
        "the blocks of a conjunction are missing",
        "A search for conjunctions needs OF with 2 to 10 blocks.",
        "Write `OF ground (…), space (…)`.",
    ),
    "AQL0214": DiagnosticCode(
        "a clause belongs to another kind",
        "OF, WITHIN, VIA and PRECISION belong to conjunctions. Other records do not have them.",
        "Leave the clause out, or find conjunctions.",
    ),
    "AQL0215": DiagnosticCode(
        "the blocks of a distance are unclear",
        "A distance names an unknown block, one block twice, or a pair that has a distance already.",
        "Name blocks by kind and number, such as `ground1-space1`, or by their AS.",
    ),
    "AQL0216": DiagnosticCode(
        "a location does not exist",
        "A latitude is beyond 90 degrees, or a longitude beyond 180.",
        "Write the latitude first: `location (51.05, -114.07)`.",
    ),
    "AQL0217": DiagnosticCode(
        "a trace is unknown",
        "VIA names something other than the footprints and places by which conjunctions are found.",
        "Write nbtrace, sbtrace or geographic.",
    ),
    "AQL0220": DiagnosticCode(
        "a result is unknown",
        "A statement uses a result that no statement before it keeps.",
        "Keep it first: `LET name = FIND …`. `SHOW RESULTS` lists the results.",
    ),
    "AQL0221": DiagnosticCode(
        "a list is not a single column",
        "A FIND in parentheses after IN selects no column, several columns, or an object.",
        "Select the one column to compare: `IN (FIND … SELECT data_source.platform …)`.",
    ),
    "AQL0222": DiagnosticCode(
        "rows have no times",
        "A window, or DURING, needs rows with start and end, or with epoch.",
        "Select `start` and `end` too in the statement that makes the result.",
    ),
    "AQL0223": DiagnosticCode(
        "a setting is unknown",
        "SET names an unknown setting.",
        "`SHOW SETTINGS` lists the settings.",
    ),
    "AQL0224": DiagnosticCode(
        "a setting cannot have this value",
        "The value has another type than the setting, or is out of its range.",
        "Write a value as the hint shows, or `DEFAULT`.",
    ),
    "AQL0225": DiagnosticCode(
        "SHOW has an unknown or missing target",
        "SHOW names an unknown kind, key, program or platform, or lacks the name or the days that it needs.",
        "Name a known one: `SHOW COLUMNS OF data_products`.",
    ),
    "AQL0226": DiagnosticCode(
        "a search is unknown",
        "FETCH or CANCEL names a search that was not submitted in this session.",
        "`SHOW SEARCHES` lists the submitted searches. Put a request ID from elsewhere in quotes.",
    ),
    "AQL0227": DiagnosticCode(
        "a name is taken",
        "LET or SUBMIT gives a result the name of a kind of record.",
        "Choose another name.",
    ),
    "AQL0228": DiagnosticCode(
        "a statement cannot be mirrored",
        "`auroraql sync` copies all records of data sources in a time window. Part of the records would look like all of them.",
        "Write a FIND of data products or ephemeris, with WHERE on fields of data sources and a time window.",
    ),
    "AQL0301": DiagnosticCode(
        "a date or time does not exist",
        "A date or time does not exist, or is outside the years 1 to 9999.",
        "Correct the date.",
    ),
    "AQL0302": DiagnosticCode(
        "a time window is empty",
        "The window ends before it begins.",
        "Write the earlier time first.",
    ),
    "AQL0303": DiagnosticCode(
        "there are two time windows",
        "A statement has two time windows.",
        "Keep one of them.",
    ),
    "AQL0304": DiagnosticCode(
        "a padding is not valid",
        "PADDED BY has a negative length, or a length in months or years, which have no fixed length.",
        "Write it in days or a shorter unit.",
    ),
    "AQL0305": DiagnosticCode(
        "an ephemeris window has no end",
        "AuroraX accepts ephemeris searches of at most a month, and the period in which the archive has records is not known.",
        "Add a window with both ends, such as `DURING 2021-01`.",
    ),
    "AQL0401": DiagnosticCode(
        "the JSON cannot be read",
        "A text begins like JSON and is not valid JSON.",
        "Correct it at the caret.",
    ),
    "AQL0402": DiagnosticCode(
        "a JSON field is unknown",
        "A query document has a field that AuroraX does not have, at the pointer shown.",
        "Correct the name. AuroraQL never drops a part of a document silently.",
    ),
    "AQL0403": DiagnosticCode(
        "a JSON value has the wrong type",
        "A field of a query document has a value of another type.",
        "Give the type that the message names.",
    ),
    "AQL0404": DiagnosticCode(
        "the kind of the JSON is unclear",
        "A document has no field that belongs to only one kind of record.",
        "Name the kind: `FIND ephemeris FROM {…}`.",
    ),
    "AQL0405": DiagnosticCode(
        "the sentence cannot be read",
        "A sentence differs from the wording of the service.",
        "Paste the service's sentence whole, or write a FIND.",
    ),
    "AQL0406": DiagnosticCode(
        "the sentence cannot express this",
        "The describe sentence has no words for this.",
        "Use the text or the JSON form.",
    ),
    "AQL0407": DiagnosticCode(
        "one query cannot express this",
        "AuroraX has no single query for this, or, for conjunctions, none at all.",
        "`--to plan` shows the requests and the post-processing. An embedded archive runs every statement.",
    ),
    "AQL0408": DiagnosticCode(
        "the SQL is not allowed",
        "SQL may read results and nothing else: no files, network, extensions, settings or second statement.",
        "Write one SELECT over results kept by LET.",
    ),
    "AQL0409": DiagnosticCode(
        "the SQL is wrong",
        "DuckDB, which runs the SQL, cannot read it or cannot execute it.",
        "The message is DuckDB's own. `SHOW COLUMNS OF name` lists the columns of a result.",
    ),
    "AQL0410": DiagnosticCode(
        "a result exists only in a session",
        "A statement that uses the rows of a result can be converted only where the result is.",
        "Run it in a script after the LET, or write the values themselves.",
    ),
    "AQL0601": DiagnosticCode(
        "a metadata key is unknown",
        "No known source declares this metadata key. AuroraX's lists are not complete, so AuroraQL searches for it all the same.",
        "Check the spelling, or list the keys with `SHOW METADATA`.",
    ),
    "AQL0602": DiagnosticCode(
        "a value is unknown",
        "The value is not among the known ones. AuroraX's lists are not complete, so AuroraQL searches for it all the same.",
        "Check the spelling, or list the values with `SHOW VALUES OF` the field.",
    ),
    "AQL0603": DiagnosticCode(
        "there is no time window",
        "The statement has no time window, so it searches all years.",
        "Add one, such as `DURING 2021-01`.",
    ),
    "AQL0604": DiagnosticCode(
        "a key cannot have two values",
        "The statement requires two values of one key at once. A record has one value of each key, so nothing is found.",
        "Write `IN` to find either value.",
    ),
    "AQL0605": DiagnosticCode(
        "a part is left out of this form",
        "The requested form has no place for a part of the statement, which is left out.",
        "`--to plan` shows all of it.",
    ),
    "AQL0606": DiagnosticCode(
        "no data source can match",
        "No data source fulfils the predicate, so nothing is found and no request is sent.",
        "Relax the part of the predicate that the message names.",
    ),
    "AQL0607": DiagnosticCode(
        "no distance is given",
        "No pair of blocks has a distance, so all sources that have records at the same time form a conjunction.",
        "Add one, such as `WITHIN 500 km`.",
    ),
    "AQL0608": DiagnosticCode(
        "a precision is unknown",
        "AuroraX finds conjunctions at whole minutes or at 30 seconds, and at no other step.",
        "Write `PRECISION 30 s` or `PRECISION 60 s`.",
    ),
    "AQL0609": DiagnosticCode(
        "a result is empty",
        "A list or the intervals come from a result that has no rows, or no values.",
        "Look at the result with `FIND name`, or widen the search that it comes from.",
    ),
    "AQL0610": DiagnosticCode(
        "a declared parameter is not used",
        "The head of a script declares a parameter that no statement has.",
        "Use it in a statement as `$name`, or delete the declaration.",
    ),
    "AQL0611": DiagnosticCode(
        "a sentence is not the service's own",
        "The service did not answer the request for its sentence. The sentence is AuroraQL's, in the same wording.",
        "Try again later for the sentence of the service.",
    ),
    "AQL0612": DiagnosticCode(
        "the times exclude one another",
        "The time window and the comparisons of times have no moment in common, so nothing is found and no request is sent.",
        "Correct one of them. A date means its whole day: `> 2021-01-01` is after that day.",
    ),
    "AQL0613": DiagnosticCode(
        "the archive has no records at these times",
        "The window is open at one end, and the archive has no record of the sources on that side of the other end.",
        "Widen the window. `SHOW AVAILABILITY` counts the records of each source and day.",
    ),
    "AQL0614": DiagnosticCode(
        "an ephemeris search lacks a filter, or an end of its window",
        "AuroraX refuses such a search. When AuroraQL runs or plans it, the requests list all programs instead.",
        "Add a filter, such as `program = 'swarm'`, and both ends of the window.",
    ),
    "AQL0615": DiagnosticCode(
        "a date means its whole day",
        "A date in a comparison means its whole day. In SQL it would be midnight.",
        "Write the comparison that you mean, as the hint shows.",
    ),
    "AQL0616": DiagnosticCode(
        "the source list lacks a value",
        "A statement names a field of the archive's list of data sources, such as owner or stats. The list has no value "
        "of it, or lacks a source of the records.",
        "Check the list with SHOW SOURCES. SHOW SOURCES REFRESH requests it again.",
    ),
    "AQL0620": DiagnosticCode(
        "a list and the times of a result are independent",
        "`IN result.field` and `DURING result` are tested separately, so they may hold for different rows of the result.",
        "Write `USING (field)` after DURING to require one row that fulfils both.",
    ),
    "AQL0621": DiagnosticCode(
        "a window is shorter than the products",
        "A window finds the data products that are fully inside it, and the products that the statement names are longer.",
        "`OVERLAPPING` finds the products that share a moment with the window.",
    ),
    "AQL0630": DiagnosticCode(
        "the sources of the archive are not known",
        "A negative predicate or a pattern becomes lists of the data sources that fulfil it. AuroraQL has not asked the archive for its sources yet, so it used the list that comes with the package, which may lack some.",
        "Ask the archive once with `SHOW SOURCES REFRESH`. `translate` and `check` use the answer.",
    ),
    "AQL0631": DiagnosticCode(
        "why a search found nothing",
        "The archive has no such records of these sources in this window, according to its own statistics and counts.",
        "`SHOW AVAILABILITY OF` the kind counts the records of each source and day.",
    ),
    "AQL0632": DiagnosticCode(
        "records are not mirrored",
        "The catalogue mirrors a part of another archive. That archive may have records of these sources in this window that the mirror lacks.",
        "`SHOW SYNC` lists the mirrored sources and times. `auroraql sync` with another `-c` adds to them.",
    ),
}
"""The codes. AQL01 reading, AQL02 names and values, AQL03 time, AQL04 other forms, AQL05 running, AQL06 warnings."""
