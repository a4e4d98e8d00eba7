-- title: Access key activity
-- question: What did one access key call, from which address and agent, first and last when?
-- param key:
-- param from: today-7
-- param to: today
SELECT recipientaccountid, awsregion, sourceipaddress, useragent, eventsource, eventname, count(*) AS events,
    count(*) FILTER (WHERE errorcode <> '') AS errors, min(eventtime) AS first_seen, max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND useridentity_accesskeyid = :key
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY first_seen, 1, 2, 3, 4, 5, 6
