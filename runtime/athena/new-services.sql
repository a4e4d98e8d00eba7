-- title: First-seen services
-- question: Which service did an account use for the first time since a day, looking back as far as `from`?
-- param from: today-90
-- param since: today-7
-- param to: today
SELECT recipientaccountid, eventsource, min(eventtime) AS first_seen,
    min_by(coalesce(useridentity_arn, useridentity_invokedby, useridentity_type, ''), eventtime) AS first_principal,
    count(*) AS events
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource IS NOT NULL
GROUP BY 1, 2
HAVING min(eventdate) >= :since
ORDER BY first_seen, 1, 2
