-- title: One hour of events
-- question: What happened between two moments, the first included? The query of the post; an offset such as +02:00 is understood.
-- param from_time: 2017-10-23T12:00:00Z
-- param to_time: 2017-10-23T13:00:00Z
SELECT *
FROM parquettrails
WHERE eventdate BETWEEN date_format(from_iso8601_timestamp(:from_time) AT TIME ZONE 'UTC', '%Y-%m-%d')
        AND date_format(from_iso8601_timestamp(:to_time) AT TIME ZONE 'UTC', '%Y-%m-%d')
    AND eventtime >= from_iso8601_timestamp(:from_time)
    AND eventtime < from_iso8601_timestamp(:to_time)
ORDER BY eventtime
