-- title: Access denied by principal
-- question: Who is refused most, for how many different actions? Many actions in little time are reconnaissance.
-- param from: today-7
-- param to: today
SELECT recipientaccountid,
    coalesce(useridentity_sessioncontext_sessionissuer_arn, useridentity_arn, useridentity_principalid, useridentity_invokedby, '') AS principal,
    count(*) AS denied, count(DISTINCT eventsource || ':' || eventname) AS actions,
    count(DISTINCT sourceipaddress) AS addresses, min(eventtime) AS first_seen, max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND regexp_like(errorcode, 'AccessDenied|UnauthorizedOperation|NotAuthorized|Forbidden')
GROUP BY 1, 2
ORDER BY denied DESC, 1, 2
