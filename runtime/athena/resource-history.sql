-- title: One resource's history
-- question: What happened to one resource, named by its id, name or ARN? Reads are left out unless asked for.
-- param resource:
-- param reads: false
-- param from: today-90
-- param to: today
WITH
events AS (
    SELECT eventtime, eventid, recipientaccountid, awsregion, eventsource, eventname, readonly, useridentity_arn,
        sourceipaddress, errorcode, requestparameters,
        coalesce(requestparameters, '') || coalesce(responseelements, '') || coalesce(resources, '') AS everything
    FROM parquettrails
    WHERE eventdate BETWEEN :from AND :to
        AND (coalesce(readonly, 'false') <> 'true' OR :reads = 'true')
)
SELECT eventtime, recipientaccountid, awsregion, eventsource, eventname, useridentity_arn, sourceipaddress, errorcode,
    requestparameters, eventid
FROM events
WHERE strpos(everything, '"' || :resource || '"') > 0
    OR strpos(everything, '/' || :resource || '"') > 0
    OR strpos(everything, ':' || :resource || '"') > 0
ORDER BY eventtime, eventid
