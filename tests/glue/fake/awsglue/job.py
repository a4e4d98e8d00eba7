"""Job: what was read is known from `commit` on, and not before."""

from awsglue.context import state


class Job:
    def __init__(self, context):
        self._context = context

    def init(self, name, arguments):
        assert arguments["JOB_NAME"] == name
        self._context.started = True

    def commit(self):
        if self._context.until:
            state().write_text(str(self._context.until))
