-- title: Gaps per account and Region
-- question: Where is the log silent for longer than some hours, up to the newest event of the whole lake?
-- param from: today-7
-- param to: today
-- param hours: 24
WITH
events AS (
    SELECT recipientaccountid, awsregion, eventtime,
        lead(eventtime) OVER (PARTITION BY recipientaccountid, awsregion ORDER BY eventtime) AS next_event,
        max(eventtime) OVER () AS newest
    FROM parquettrails
    WHERE eventdate BETWEEN :from AND :to
)
SELECT recipientaccountid, awsregion, eventtime AS last_before, next_event AS first_after,
    round(CAST(date_diff('second', eventtime, coalesce(next_event, newest)) AS double) / 3600, 1) AS hours
FROM events
WHERE date_diff('second', eventtime, coalesce(next_event, newest)) > CAST(:hours AS double) * 3600
ORDER BY hours DESC, 1, 2, 3
