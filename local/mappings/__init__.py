"""Event source mappings from Kinesis to Lambda, as AWS documents them, for an emulator.

`Mappings` runs them against an endpoint; so does `python -m local.mappings`. The semantics are
pure (no I/O, time as an argument), one layer on the other:

- `semantics.settle`: what becomes of one batch after one outcome;
- `lane.Lane`: one batch at a time, in order: `add`, `next`, then `settle` or `kept`;
- `shard.Shard`: a lane per concurrent batch, and the checkpoint that no open record is before;
- `simulation.Simulation`: a shard without threads and clock, for tests of every schedule.

Not documented by AWS, and chosen here: partition keys are spread over lanes by CRC-32; a batch
waits 0.2 s, doubled up to 5 s, before it is tried again; a record beyond the payload limit has the
condition `PayloadSizeExceeded`; each half of a split batch has its own on-failure document (AWS
may put neighbours together again). `semantics` says what was taken from recordings of AWS.
"""

from local.mappings.runner import Mappings

__all__ = ["Mappings"]
