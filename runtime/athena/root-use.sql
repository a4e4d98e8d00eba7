-- title: What root did, by account
-- question: In which accounts was root used, from where, with which calls, with MFA or not?
-- param from: today-7
-- param to: today
SELECT recipientaccountid, sourceipaddress, eventsource, eventname,
    coalesce(useridentity_sessioncontext_attributes_mfaauthenticated, additionaleventdata_mfaused, 'unknown') AS mfa,
    count(*) AS events, min(eventtime) AS first_seen, max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND (useridentity_type = 'Root' OR useridentity_sessioncontext_assumedroot = 'true')
    AND useridentity_invokedby IS NULL
    AND coalesce(eventtype, '') <> 'AwsServiceEvent'
GROUP BY 1, 2, 3, 4, 5
ORDER BY events DESC, 1, 2, 3, 4, 5
