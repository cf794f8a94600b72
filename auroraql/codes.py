"""Every code a diagnostic can carry, with the fact it stands for: the list the documentation is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A sort of error or warning: what it says, why it is said, and what to do."""

    title: str
    cause: str
    remedy: str


CODES = {
    "AQL0101": Code(
        "a quote or comment is not closed",
        "A quote or a `/*` opens and nothing closes it, or a closing quote has no opening one.",
        "Add the missing mark. A quote inside a text is doubled: `'o''brien'`.",
    ),
    "AQL0102": Code(
        "brackets do not match",
        "A bracket is opened and not closed, closed and not opened, or closed by another one.",
        "Add or remove the bracket the caret points at.",
    ),
    "AQL0103": Code(
        "the statement is too long",
        "A statement has more than 1,000,000 characters.",
        "Cut it into several statements, or give long lists as parameters.",
    ),
    "AQL0104": Code(
        "the statement nests too deep",
        "Brackets or NOTs stand inside one another more than 200 deep.",
        "AND and OR need no parentheses of their own, and an IN list replaces many ORs.",
    ),
    "AQL0105": Code(
        "the statement is unfinished",
        "The text ends where something must still come.",
        "Write what is expected there; in the REPL simply go on typing.",
    ),
    "AQL0106": Code(
        "something stands where it cannot",
        "A word or sign is right in itself and has no place here.",
        "The label says what could stand there.",
    ),
    "AQL0107": Code(
        "a keyword is misspelt",
        "A word is no keyword, and close to one, or FIND is followed by something that is neither a kind of record nor a result.",
        "Take the spelling of the hint.",
    ),
    "AQL0108": Code(
        "a text value has no quotes",
        "A text is written without quotes.",
        "Put it in single quotes: `program = 'themis-asi'`.",
    ),
    "AQL0109": Code(
        "an operator is misspelt",
        "An operator is written as another language has it, or NULL is compared with `=`.",
        "The hint shows how it is written here: `=`, `!=`, `>=`, `IS NULL`.",
    ),
    "AQL0110": Code(
        "AND or OR is missing",
        "Two predicates stand side by side, or are joined by a comma.",
        "Join them with AND or OR.",
    ),
    "AQL0111": Code(
        "a clause is written twice",
        "A clause stands twice in one statement.",
        "Keep one; two WHERE are joined with AND.",
    ),
    "AQL0112": Code(
        "a date is written in another way",
        "A date is written as nobody can be sure to read it.",
        "Dates are `2020-02-01`, times `2020-02-01T06:30`.",
    ),
    "AQL0113": Code(
        "a unit is missing or unclear",
        "A number of time or distance has no unit, or a lone `m`, which could be minutes, metres or months.",
        "Write `min`, `km` or `months`.",
    ),
    "AQL0114": Code(
        "a comma too many or too few",
        "A comma is missing between two items, stands after the last one, or a list is empty.",
        "Add or remove the comma.",
    ),
    "AQL0115": Code(
        "this is no statement",
        "The text is not a statement, or is several where one is expected, or is no search where one is.",
        "Statements begin with FIND or one of the other words of this page; scripts of several are run with `auroraql run`.",
    ),
    "AQL0116": Code(
        "a list is too long",
        "A list has more items than its limit: 10,000 values, terms, columns, keys or places, 1,000 clauses, blocks, distances or traces, 200 names of a path.",
        "Cut the search into several. An IN list replaces many ORs.",
    ),
    "AQL0117": Code(
        "the head of a script declares a parameter wrongly",
        "A `-- param` line before the first statement cannot be read, names a type there is not, declares a name twice, or gives a default that is not of its type.",
        "A declaration is a name, a type, perhaps a default and a few words: `-- param day: date = 2021-01-01  the day`.",
    ),
    "AQL0118": Code(
        "a construct of another language",
        "A construct of SQL or another language that FIND does not have, or writes in another way.",
        "The hint names the construct that does the same here, often SQL over a result kept by LET.",
    ),
    "AQL0119": Code(
        "the script is too long",
        "A script has more than 10,000 statements or 10,000,000 characters.",
        "Cut it into several scripts.",
    ),
    "AQL0201": Code(
        "a field is unknown",
        "A record has no such field, or a result no such column.",
        "Take the spelling of the hint, or `SHOW COLUMNS OF` what is searched.",
    ),
    "AQL0202": Code(
        "a bare word is compared that is no field",
        "The right side of a comparison is a bare word that is no field of the record.",
        "Put it in quotes if the text is meant.",
    ),
    "AQL0203": Code(
        "a value is of the wrong type",
        "A value cannot be of the field's type: a number where a text is, a negative distance.",
        "Write a value of the type the message names.",
    ),
    "AQL0204": Code(
        "a unit is not the field's own",
        "A number has a unit that is not the field's.",
        "Convert the number, or leave the unit out.",
    ),
    "AQL0205": Code(
        "an operator does not fit the field",
        "The operator, function or order makes no sense for the type of the field.",
        "The hint names what does.",
    ),
    "AQL0206": Code(
        "a parameter has no value",
        "A statement asks for `$name`, and no value is given for it.",
        "Give it: `--param name=value`, `name=…` in Python, or behind `\\run NAME` at the prompt, where `\\save NAME` keeps a statement.",
    ),
    "AQL0207": Code(
        "two columns have one name",
        "Two columns of a result would have one name.",
        "Give one of them another with AS.",
    ),
    "AQL0208": Code(
        "a limit is no whole number",
        "LIMIT or OFFSET is no whole number from 0 up.",
        "Write a whole number.",
    ),
    "AQL0209": Code(
        "a function is unknown",
        "There is no such function.",
        "The functions are count, min, max, avg and sum.",
    ),
    "AQL0210": Code(
        "a parameter is given that nothing asks for",
        "A parameter is given that no statement asks for: most often a slip in its name.",
        "Correct the name, or leave it out.",
    ),
    "AQL0211": Code(
        "a parameter's value cannot stand there",
        "A parameter holds something that cannot stand where it is used, as a list where one value is due.",
        "Give a text, number, time or list as the place needs.",
    ),
    "AQL0212": Code(
        "a row has no one value of a field",
        "With GROUP BY, functions or DISTINCT a row stands for several records, and a column or ORDER BY names "
        "what may differ in them.",
        "Add it to GROUP BY, take a function of it as `max(…)`, or with DISTINCT select it.",
    ),
    "AQL0213": Code(
        "it is not said what meets what",
        "Conjunctions need 2 to 10 blocks, and OF says another number or is missing.",
        "Write `OF ground (…), space (…)`.",
    ),
    "AQL0214": Code(
        "a clause belongs to another kind",
        "OF, WITHIN, VIA and PRECISION say between what conjunctions are found; other records have none.",
        "Leave the clause out, or find conjunctions.",
    ),
    "AQL0215": Code(
        "the blocks of a distance are unclear",
        "A distance names a block that is not there, a block twice, or a pair that has its distance already.",
        "Blocks are named by kind and number, as `ground1-space1`, or by their AS.",
    ),
    "AQL0216": Code(
        "there is no such place",
        "A latitude is beyond 90 degrees, or a longitude beyond 180.",
        "Latitude stands first: `location (51.05, -114.07)`.",
    ),
    "AQL0217": Code(
        "a trace is unknown",
        "Conjunctions are found by footprints or places, and this is the name of neither.",
        "Write nbtrace, sbtrace or geographic.",
    ),
    "AQL0220": Code(
        "a result is unknown",
        "A statement takes rows from a result that no statement before it has kept.",
        "Keep it first: `LET name = FIND …`. `SHOW RESULTS` lists what is kept.",
    ),
    "AQL0221": Code(
        "a list is no single column",
        "A FIND in parentheses behind IN selects no column, more than one, or an object.",
        "Select the one column that is compared: `IN (FIND … SELECT data_source.platform …)`.",
    ),
    "AQL0222": Code(
        "rows do not tell when they are",
        "A window, or DURING, needs rows with start and end, or with epoch.",
        "Select `start` and `end` too where the result is made.",
    ),
    "AQL0223": Code(
        "a setting is unknown",
        "SET names a setting that there is not.",
        "`SHOW SETTINGS` lists them.",
    ),
    "AQL0224": Code(
        "a setting cannot have a value",
        "The value is of another type than the setting's, or out of its range.",
        "Write a value as the hint shows, or `DEFAULT`.",
    ),
    "AQL0225": Code(
        "it is not known what to show",
        "SHOW is of a kind, key, program or platform that is not known, or does not say of what, or of which days.",
        "Name one that is known: `SHOW COLUMNS OF data_products`.",
    ),
    "AQL0226": Code(
        "a search is unknown",
        "FETCH or CANCEL names a search that was not submitted in this session.",
        "`SHOW SEARCHES` lists those that were; a request id from elsewhere stands in quotes.",
    ),
    "AQL0227": Code(
        "a name is taken",
        "LET or SUBMIT gives a result the name of a kind of record.",
        "Give it a name of its own.",
    ),
    "AQL0301": Code(
        "there is no such date or time",
        "A date or time does not exist, or lies outside of the years 1 to 9999.",
        "Correct the date.",
    ),
    "AQL0302": Code(
        "a time window is empty",
        "The window ends before it begins.",
        "Write the earlier time first.",
    ),
    "AQL0303": Code(
        "there are two time windows",
        "A statement has two time windows.",
        "Keep one of them.",
    ),
    "AQL0304": Code(
        "a padding cannot be used",
        "PADDED BY has a length that is negative, or is in months or years, which have no fixed length.",
        "Write it in days, or shorter.",
    ),
    "AQL0305": Code(
        "an ephemeris window has no end",
        "AuroraX takes ephemeris searches of at most a month, and it is not known from when to when an archive has records.",
        "Add a window with both its ends, as `DURING 2021-01`.",
    ),
    "AQL0401": Code(
        "the JSON cannot be read",
        "A text that begins as JSON is none.",
        "Correct it at the caret.",
    ),
    "AQL0402": Code(
        "a JSON field is unknown",
        "A query document has a field that AuroraX has not, at the pointer shown.",
        "Correct the name; nothing of a document is ever dropped in silence.",
    ),
    "AQL0403": Code(
        "a JSON value is of the wrong type",
        "A field of a query document holds something of another type.",
        "Give what the message asks for.",
    ),
    "AQL0404": Code(
        "the JSON does not tell its kind",
        "A document has nothing that only one kind of record has.",
        "Name the kind: `FIND ephemeris FROM {…}`.",
    ),
    "AQL0405": Code(
        "the sentence cannot be read",
        "A sentence goes on in other words than the engine's.",
        "Paste the engine's sentence whole, or write a FIND.",
    ),
    "AQL0406": Code(
        "the sentence cannot say this",
        "The describe sentence has no words for this.",
        "The text and JSON forms can say it.",
    ),
    "AQL0407": Code(
        "one query cannot say this",
        "AuroraX has no single query for this, or, for conjunctions, none at all.",
        "`--to plan` shows the requests and what is done after them; an embedded archive runs anything.",
    ),
    "AQL0408": Code(
        "the SQL may not run",
        "SQL reads results, and nothing else: no files, network, extensions, settings, and no second statement.",
        "Write one SELECT over results kept by LET.",
    ),
    "AQL0409": Code(
        "the SQL is wrong",
        "DuckDB, which runs the SQL, cannot read it or cannot carry it out.",
        "The message is DuckDB's own; `SHOW COLUMNS OF name` lists what a result has.",
    ),
    "AQL0410": Code(
        "a result is there only in a session",
        "A statement that takes rows from a result can be written in another form only by whoever has the rows.",
        "Run it in a script after the LET, or write the values themselves.",
    ),
    "AQL0601": Code(
        "a metadata key is unknown",
        "No known source declares this metadata key. AuroraX's lists are not complete, so it is searched all the same.",
        "Check the spelling, or `SHOW METADATA`.",
    ),
    "AQL0602": Code(
        "a value is unknown",
        "The value is not among the known ones. AuroraX's lists are not complete, so it is searched all the same.",
        "Check the spelling, or `SHOW VALUES OF` the field.",
    ),
    "AQL0603": Code(
        "there is no time window",
        "The statement has no time window, so all years are searched.",
        "Add one, as `DURING 2021-01`.",
    ),
    "AQL0604": Code(
        "two values are asked of one key",
        "Two values are asked of one key at once. A record has one value of each key, so nothing is found.",
        "For either of the values write `IN`.",
    ),
    "AQL0605": Code(
        "a part is left out of this form",
        "The form that was asked for has no place for a part of the statement, which is left out.",
        "`--to plan` shows all of it.",
    ),
    "AQL0606": Code(
        "no data source can match",
        "No data source has what is asked, so nothing is found and nothing is sent.",
        "Loosen the part of the predicate that the message names.",
    ),
    "AQL0607": Code(
        "no distance is given",
        "No pair of blocks has a distance, so whatever exists at the same time is a conjunction.",
        "Add one, as `WITHIN 500 km`.",
    ),
    "AQL0608": Code(
        "a precision is unknown",
        "AuroraX finds conjunctions at whole minutes or finer, and knows no other step.",
        "Write `PRECISION 30 s` or `PRECISION 60 s`.",
    ),
    "AQL0609": Code(
        "a result is empty",
        "A list or the intervals come from a result that has no rows, or none with a value.",
        "Look at the result: `FIND name`, or widen the search that it is from.",
    ),
    "AQL0610": Code(
        "a declared parameter is not used",
        "The head of a script declares a parameter that no statement has.",
        "Write it in a statement as `$name`, or delete the declaration.",
    ),
    "AQL0611": Code(
        "a sentence is not the service's own",
        "The service that words its queries itself did not answer; the sentence is AuroraQL's, in the same wording.",
        "Try again later for that of the service.",
    ),
    "AQL0612": Code(
        "the times exclude one another",
        "The time window and the comparisons of times have no moment in common, so nothing is found and nothing is sent.",
        "Correct one of them. A date names its whole day: `> 2021-01-01` is after that day.",
    ),
    "AQL0613": Code(
        "the archive has nothing at such times",
        "The window is open at an end, and the archive has no record of the sources from its other end on.",
        "Widen the window; `SHOW AVAILABILITY` tells what there is.",
    ),
    "AQL0614": Code(
        "an ephemeris search lacks a filter, or an end of its window",
        "AuroraX refuses such a search. A search that is run, and a plan, list all programs instead.",
        "Add a filter, such as `program = 'swarm'`, and both ends of the window.",
    ),
    "AQL0615": Code(
        "a date is its whole day",
        "A date in a comparison names its whole day, where SQL would take it for midnight.",
        "Write what is meant, as the hint says.",
    ),
    "AQL0620": Code(
        "a list and the times of a result are independent",
        "`IN result.field` and `DURING result` are tested apart, so they may hold for different rows of the result.",
        "`USING (field)` after DURING asks for one row that has both.",
    ),
    "AQL0621": Code(
        "a window is shorter than the products",
        "Data products are found when they lie in the window as a whole, and those that the statement names are longer.",
        "`OVERLAPPING` finds what shares a moment with the window.",
    ),
    "AQL0630": Code(
        "the sources of the archive are not known",
        "A negative predicate or a pattern is written as lists of the data sources that fulfil it. The archive was not"
        " asked for its sources yet, so the list that comes with AuroraQL was used; sources that it lacks are left out.",
        "Ask the archive once: `SHOW SOURCES REFRESH`. The answer is kept for `translate` and `check`.",
    ),
    "AQL0631": Code(
        "why a search found nothing",
        "The archive holds no such records of these sources in this window, as its own statistics and counts say.",
        "`SHOW AVAILABILITY OF` the kind counts the records of each source and day.",
    ),
}
"""Code by code. AQL01 reading, AQL02 names and values, AQL03 time, AQL04 other forms, AQL05 running, AQL06 warnings."""
