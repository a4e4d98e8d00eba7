"""Job: what was read is known from `commit` on, and not before."""

import json

from awsglue.context import state


class Job:
    def __init__(self, context):
        self._context = context

    def init(self, name, arguments):
        assert arguments["JOB_NAME"] == name
        self._context.started = True

    def commit(self):
        known = json.loads(state().read_text()) if state().exists() else []
        state().write_text(json.dumps(sorted({*known, *self._context.read})))
