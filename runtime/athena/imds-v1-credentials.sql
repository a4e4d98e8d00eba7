-- title: Credentials from IMDSv1
-- question: Which instances' roles still get their credentials from the first instance metadata service?
-- param from: today-7
-- param to: today
SELECT recipientaccountid, useridentity_sessioncontext_sessionissuer_arn AS role, useridentity_arn, count(*) AS events,
    max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND useridentity_sessioncontext_ec2roledelivery = '1.0'
GROUP BY 1, 2, 3
ORDER BY events DESC, 1, 2, 3
