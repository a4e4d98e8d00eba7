-- title: Fields no column holds
-- question: Did CloudTrail send something the columns do not know, and since when?
-- param from: today-7
-- param to: today
SELECT eventsource, eventname, eventversion, count(*) AS events, min(eventtime) AS first_seen, min(extra) AS example
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND extra IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY events DESC, 1, 2, 3
