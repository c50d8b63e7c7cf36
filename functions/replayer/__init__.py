"""Puts dead letters back on their stream: what the command line and the Lambda function share.

A dead letter's way, one module a step: `queue` (receive and hold) → `forms` (which of the forms
it has) → `contents` (its documents, wherever they are) → `prepare` (mended, checked by the
forwarder's own rules) → `plan` (what becomes of each, against `newest`) → `act` (put, keep what
fails again, delete). The core is pure; `aws` makes its verbs of boto3's clients.
"""
