-- title: Throttled calls
-- question: Who is throttled, on which action, in which hour?
-- param from: today-7
-- param to: today
SELECT date_trunc('hour', eventtime) AS hour, recipientaccountid, awsregion, eventsource, eventname,
    coalesce(useridentity_sessioncontext_sessionissuer_arn, useridentity_arn, useridentity_invokedby, '') AS principal,
    count(*) AS throttled
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND regexp_like(errorcode, 'Throttl|ThroughputExceeded|RequestLimitExceeded|TooManyRequests|SlowDown|RateExceeded')
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY throttled DESC, 1, 2, 3, 4, 5, 6
