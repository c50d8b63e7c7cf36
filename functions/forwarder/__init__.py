"""Forwards Kinesis records to Amazon Personalize and accounts for every one.

A record's way, one module a step:
`records` (decode, unpack) → `parse` → `plan` → `deliver` → `settle` → `handler`.
"""
