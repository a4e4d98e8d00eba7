"""Stand-in for awsglue: a text source with bookmarks over local folders, state in the file FAKE_BOOKMARK names.

A bookmark is a time, when the last committed run began: a file that is older is passed over, whether it was read or not:
https://docs.aws.amazon.com/glue/latest/dg/monitor-continuations.html
"""
