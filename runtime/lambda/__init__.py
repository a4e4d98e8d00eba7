"""The flattener Lambda: log files that SQS messages name become flat files; the handler is `handler.handle`."""
