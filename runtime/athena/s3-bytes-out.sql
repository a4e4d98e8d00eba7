-- title: S3 bytes out
-- question: Who downloads how many bytes from which bucket? Needs S3 data events.
-- param from: today-7
-- param to: today
SELECT recipientaccountid, requestparameters_bucketname,
    coalesce(useridentity_sessioncontext_sessionissuer_arn, useridentity_arn, useridentity_accountid, '') AS principal,
    sourceipaddress, count(*) AS requests, sum(try_cast(additionaleventdata_bytestransferredout AS double)) AS bytes
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 's3.amazonaws.com'
    AND eventname = 'GetObject'
    AND coalesce(errorcode, '') = ''
GROUP BY 1, 2, 3, 4
ORDER BY bytes DESC, 1, 2, 3, 4
LIMIT 100
