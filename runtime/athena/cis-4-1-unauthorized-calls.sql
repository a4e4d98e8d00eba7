-- title: Unauthorized API calls
-- question: Which calls were refused for lack of permission?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.1
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventsource, eventname, errorcode, errormessage
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND (errorcode LIKE '%UnauthorizedOperation' OR errorcode LIKE 'AccessDenied%')
    AND coalesce(sourceipaddress, '') <> 'delivery.logs.amazonaws.com'
    AND coalesce(eventname, '') <> 'HeadBucket'
ORDER BY eventtime, eventid
