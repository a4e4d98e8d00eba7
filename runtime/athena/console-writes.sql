-- title: Changes made in the console
-- question: Which changes were made by hand in the console instead of by code?
-- param from: today-7
-- param to: today
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventsource, eventname, requestparameters, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND readonly = 'false'
    AND useridentity_invokedby IS NULL
    AND coalesce(eventtype, '') <> 'AwsConsoleSignIn'
    AND (
        sessioncredentialfromconsole = 'true'
        OR regexp_like(useragent, '^(console|signin)[.](ec2[.])?amazonaws[.]com$|S3Console/')
    )
ORDER BY eventtime, eventid
