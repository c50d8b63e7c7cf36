"""What the endpoint accepted and was asked, in one SQLite file or in memory.

Writes wait in memory until `flush`, which keeps them in one transaction; each read flushes
first. The write-ahead log survives a killed process, not a power cut.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import orjson

from local.personalize.model import Operation
from local.personalize.requests import Accepted

_PAGE = 5_000
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS entries (
    arrival INTEGER PRIMARY KEY,
    call INTEGER NOT NULL,
    operation TEXT NOT NULL,
    target TEXT NOT NULL,
    id TEXT,
    writes INTEGER NOT NULL DEFAULT 1,
    shared BLOB NOT NULL,
    entry BLOB NOT NULL,
    UNIQUE (operation, target, id)
);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY,
    operation TEXT NOT NULL,
    target TEXT NOT NULL,
    entries INTEGER NOT NULL,
    at REAL NOT NULL,
    status INTEGER,
    code TEXT NOT NULL,
    fault TEXT NOT NULL,
    kept INTEGER NOT NULL,
    ignored TEXT NOT NULL
);
"""
_INSERT = """
INSERT INTO entries (arrival, call, operation, target, id, shared, entry)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (operation, target, id) DO UPDATE SET writes = writes + 1
"""
# A newer write of an id takes the older one's place, and its own place in the order of arrival.
_REPLACE = f"""{_INSERT}, arrival = excluded.arrival, call = excluded.call,
    shared = excluded.shared, entry = excluded.entry
"""


@dataclass(frozen=True, slots=True)
class Logged:
    """One call as the log has it.

    `status` is absent when no answer was given, `code` and `fault` are empty when there was
    none, `ignored` is the JSON list of the members dropped as unknown.
    """

    number: int
    operation: str
    target: str
    entries: int
    at: float
    status: int | None
    code: str
    fault: str
    kept: bool
    ignored: str = "[]"


class Store:
    """Entries in the order of arrival, and the log of calls.

    Of two entries with one id under one target an event's first is kept and an upsert's last;
    `writes` counts both. Use it from one thread.
    """

    def __init__(self, path: str) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None)
        self._sql.executescript(_SCHEMA)
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []
        self._logged: list[tuple[Any, ...]] = []
        self._arrival = self._last("SELECT coalesce(max(arrival), 0) AS last FROM entries")
        self._number = self._last("SELECT coalesce(max(number), 0) AS last FROM calls")

    def number(self) -> int:
        """The next call's number."""
        self._number += 1
        return self._number

    def keep(self, call: int, operation: Operation, accepted: Accepted) -> None:
        """Keep all entries of one call."""
        statement = _REPLACE if operation.newest_wins else _INSERT
        for entry in accepted.entries:
            self._arrival += 1
            row = (self._arrival, call, operation.name, accepted.target, entry.id,
                   accepted.shared, entry.text)  # fmt: skip
            self._waiting.append((statement, row))

    def log(self, call: Logged) -> None:
        """Log one call."""
        self._logged.append(astuple(call))

    def flush(self) -> None:
        """Write what waits, all of it or nothing."""
        if not self._waiting and not self._logged:
            return
        self._sql.execute("BEGIN")
        try:
            for statement, row in self._waiting:
                self._sql.execute(statement, row)
            self._sql.executemany(f"INSERT INTO calls VALUES ({'?,' * 9}?)", self._logged)  # noqa: S608 -- only placeholders are put together
        except BaseException:
            self._sql.execute("ROLLBACK")
            raise
        self._sql.execute("COMMIT")
        self._waiting.clear()
        self._logged.clear()

    def entries(self, operation: str) -> Iterator[bytes]:
        """The stored state as pages of NDJSON, in the order of arrival.

        Each line is the entry with what its call shared, and `_arrival`, `_call`, `_writes`. An
        upsert that arrives again while the pages are read is read again.
        """
        statement = """SELECT arrival, call, writes, shared, entry FROM entries
            WHERE arrival > ? AND operation = ? ORDER BY arrival LIMIT ?"""
        after = 0
        while rows := self._read(statement, after, operation, _PAGE):
            after = rows[-1]["arrival"]
            yield b"".join(
                orjson.dumps(
                    {
                        **orjson.loads(row["shared"]),
                        **orjson.loads(row["entry"]),
                        **{f"_{name}": row[name] for name in ("arrival", "call", "writes")},
                    },
                    option=orjson.OPT_APPEND_NEWLINE,
                )
                for row in rows
            )

    def calls(self) -> Iterator[bytes]:
        """The log as pages of NDJSON, by number."""
        after = 0
        statement = "SELECT * FROM calls WHERE number > ? ORDER BY number LIMIT ?"
        while rows := self._read(statement, after, _PAGE):
            after = rows[-1]["number"]
            yield b"".join(
                orjson.dumps(
                    row | {"kept": bool(row["kept"]), "ignored": orjson.Fragment(row["ignored"])},
                    option=orjson.OPT_APPEND_NEWLINE,
                )
                for row in rows
            )

    def counted_entries(self) -> list[dict[str, Any]]:
        """For each operation and target: `stored` ids, and `repeats` of ids that were there."""
        return self._read("""SELECT operation, target, count(*) AS stored,
            sum(writes) - count(*) AS repeats FROM entries GROUP BY operation, target""")

    def counted_calls(self) -> list[dict[str, Any]]:
        """For each operation and target, calls and entries that share an end."""
        return self._read("""SELECT operation, target, code, fault, kept, ignored,
            count(*) AS calls, sum(entries) AS entries FROM calls
            GROUP BY operation, target, code, fault, kept, ignored""")

    def clear(self) -> None:
        """Forget everything; numbers start again."""
        self.flush()
        self._sql.executescript("DELETE FROM entries; DELETE FROM calls;")
        self._arrival = self._number = 0

    def close(self) -> None:
        """Write what waits and let go of the file."""
        try:
            self.flush()
        finally:
            self._sql.close()

    def _last(self, statement: str) -> int:
        return int(self._read(statement)[0]["last"])

    def _read(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        self.flush()
        cursor = self._sql.execute(statement, arguments)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]
