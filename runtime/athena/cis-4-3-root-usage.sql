-- title: Use of the root user
-- question: What was done as root by somebody, not by a service on root's behalf?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.3
SELECT eventtime, recipientaccountid, awsregion, useridentity_arn, sourceipaddress, useragent, eventsource,
    eventname, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND useridentity_type = 'Root'
    AND useridentity_invokedby IS NULL
    AND coalesce(eventtype, '') <> 'AwsServiceEvent'
ORDER BY eventtime, eventid
