"""The one-machine engine: log files in; a Parquet lake, SQL and a page out, with no AWS."""

import os

# Before Arrow is imported anywhere: the system's allocator gives memory back, Arrow's own holds on to a third more.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
