-- title: Error codes
-- question: Which errors occur, in which services and actions, for how many principals?
-- param from: today-7
-- param to: today
SELECT errorcode, eventsource, eventname, count(*) AS errors, count(DISTINCT useridentity_arn) AS principals,
    min(eventtime) AS first_seen, max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND errorcode <> ''
GROUP BY 1, 2, 3
ORDER BY errors DESC, 1, 2, 3
