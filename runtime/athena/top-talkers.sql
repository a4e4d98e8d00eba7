-- title: Top talkers
-- question: Which principals make the most calls, from how many addresses, with how many errors?
-- param from: today-7
-- param to: today
SELECT recipientaccountid, useridentity_type,
    coalesce(useridentity_sessioncontext_sessionissuer_arn, useridentity_arn, useridentity_invokedby, useridentity_principalid, '') AS principal,
    count(*) AS events, count(*) FILTER (WHERE errorcode <> '') AS errors, count(*) FILTER (WHERE readonly = 'false') AS writes,
    count(DISTINCT sourceipaddress) AS addresses, max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
GROUP BY 1, 2, 3
ORDER BY events DESC, 1, 2, 3
LIMIT 100
