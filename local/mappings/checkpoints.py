"""How far each shard has come, kept over a restart."""

import json
from pathlib import Path
from threading import Lock
from typing import Any


class Checkpoints:
    """Checkpoints of all mappings, in memory and, given a path, in a JSON file.

    The file is replaced as a whole, so a killed process leaves the old or the new one. A checkpoint
    is written after its records came to an end: what is lost by a kill is delivered again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = Lock()
        self._kept: dict[str, dict[str, Any]] = {}
        if path and path.exists():
            self._kept = json.loads(path.read_text(encoding="utf-8"))

    def since(self, mapping: str, now: float) -> float:
        """Tell when a mapping was run for the first time: now, unless that is on record."""
        with self._lock:
            if mapping not in self._kept:
                self._kept[mapping] = {"since": now, "shards": {}}
                self._write()
            return float(self._kept[mapping]["since"])

    def after(self, mapping: str, shard: str) -> str | None:
        """Tell behind which sequence number a shard has to be read on."""
        with self._lock:
            sequence = self._kept.get(mapping, {}).get("shards", {}).get(shard)
        return None if sequence is None else str(sequence)

    def put(self, mapping: str, shard: str, sequence: str) -> None:
        """Keep a shard's checkpoint; `since` must have been asked for the mapping before."""
        with self._lock:
            self._kept[mapping]["shards"][shard] = sequence
            self._write()

    def _write(self) -> None:
        if self._path:
            beside = self._path.with_name(f"{self._path.name}.new")
            beside.write_text(json.dumps(self._kept), encoding="utf-8")
            beside.replace(self._path)
