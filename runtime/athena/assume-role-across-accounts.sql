-- title: AssumeRole across accounts
-- question: Which accounts assume roles in which other accounts? Trusted accounts can be left out.
-- param from: today-7
-- param to: today
-- param trusted[]:
SELECT useridentity_accountid AS from_account, element_at(split(requestparameters_rolearn, ':'), 5) AS to_account,
    requestparameters_rolearn AS role, coalesce(useridentity_arn, useridentity_principalid, '') AS principal,
    count(DISTINCT coalesce(sharedeventid, eventid)) AS calls, count(*) FILTER (WHERE errorcode <> '') AS failed, min(eventtime) AS first_seen,
    max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'sts.amazonaws.com'
    AND eventname = 'AssumeRole'
    AND useridentity_accountid <> element_at(split(requestparameters_rolearn, ':'), 5)
    AND useridentity_accountid NOT IN (:trusted)
GROUP BY 1, 2, 3, 4
ORDER BY calls DESC, 1, 2, 3, 4
