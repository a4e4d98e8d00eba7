-- title: Everything one session did
-- question: What did one session do, in order? Named by its access key, its assumed-role ARN or its principal id.
-- param session:
-- param from: today-7
-- param to: today
SELECT eventtime, recipientaccountid, awsregion, eventsource, eventname, readonly, errorcode, sourceipaddress,
    useragent, useridentity_arn, useridentity_accesskeyid, requestparameters, eventid
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND (
        useridentity_accesskeyid = :session
        OR useridentity_arn = :session
        OR useridentity_principalid = :session
        OR useridentity_sessioncontext_signinsessionarn = :session
    )
ORDER BY eventtime, eventid
