"""(c) The post's hour query, on the lake and on the log files' JSON: CPU and bytes read, pruning told apart."""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import make, run

DAYS = 90
DAY = "2024-05-01"  # the one day that `make` writes
HOUR = f"eventtime >= TIMESTAMP '{DAY} 12:00:00' AND eventtime < TIMESTAMP '{DAY} 13:00:00'"
COLUMNS = "eventtime, eventname, useridentity_arn, sourceipaddress"


def hour_query(events_per_day: int) -> list[dict[str, Any]]:
    """A row per way of asking for one hour of one of 90 equal days."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        source, lake = Path(scratch, "logs"), Path(scratch, "lake")
        make(source, events_per_day, 24)
        run("-m", "benchmarks.rivals", "ours", str(source), str(lake))
        # 90 equal days: one day's Parquet under 90 folders, one day's logs under 90; only the folder's name differs.
        [day] = (lake / "parquettrails").iterdir()
        logs = source / "AWSLogs/111122223333/CloudTrail/us-east-1" / DAY.replace("-", "/")
        for number in range(DAYS):
            (lake / "parquettrails" / f"eventdate=day-{number:02d}").symlink_to(day)
            (source / f"day-{number:02d}").symlink_to(logs)
        files = f"'{lake}/parquettrails/eventdate=day-*/*.parquet'"
        parquet = f"read_parquet({files}, hive_partitioning=1, hive_types_autocast=0)"
        one_day = parquet.replace("day-*", "day-07")
        json_files = "read_json('{}', columns = {{Records: 'JSON[]'}}, maximum_object_size = 268435456)"
        json_query = (
            "SELECT r->>'eventTime', r->>'eventName' FROM (SELECT unnest(Records) AS r FROM {}) "
            f"WHERE r->>'eventTime' >= '{DAY}T12' AND r->>'eventTime' < '{DAY}T13' ORDER BY 1"
        )
        ways = {
            "lake, hour of one of 90 days": f"SELECT {COLUMNS} FROM {parquet} "
            f"WHERE eventdate = 'day-07' AND {HOUR} ORDER BY 1",
            "lake, hour of a day alone": f"SELECT {COLUMNS} FROM {one_day} WHERE {HOUR} ORDER BY 1",
            "lake, whole day": f"SELECT {COLUMNS} FROM {one_day} ORDER BY 1",
            "lake, hour of all 90 days": f"SELECT {COLUMNS} FROM {parquet} WHERE {HOUR} ORDER BY 1",
            "JSON, hour of a day alone": json_query.format(json_files.format(f"{source}/day-07/*.json.gz")),
        }
        for title, sql in ways.items():
            cost = run("-c", _CODE, sql)
            seconds, count, read = cost.output.split()
            rows.append(
                {"way": title, "rows": int(count), "CPU ms": round(float(seconds) * 1e3, 1), "MB read": float(read)}
            )
        for row in rows:
            row["lake is"] = f"{rows[-1]['CPU ms'] / row['CPU ms']:.0f}x"
    return rows


# CPU of the second of two runs: connections and the file system's cache are warm for all alike.
_CODE = """
import resource, sys, duckdb
connection = duckdb.connect()
connection.execute("SET threads = 1; SET TimeZone = 'UTC'; SET enable_external_file_cache = false")
connection.execute("SET enable_progress_bar = false")  # else it is printed where the numbers are
count = len(connection.execute(sys.argv[1]).fetchall())
def read():  # all that read calls gave, from the disk or from its cache
    return int(open("/proc/self/io").readline().split()[1])
before, bytes_before = resource.getrusage(resource.RUSAGE_SELF), read()
connection.execute(sys.argv[1]).fetchall()
after, bytes_after = resource.getrusage(resource.RUSAGE_SELF), read()
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(cpu, count, round((bytes_after - bytes_before) / 1e6, 2))
"""
