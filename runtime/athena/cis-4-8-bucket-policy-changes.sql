-- title: S3 bucket policy changes
-- question: Who changed a bucket's policy, ACL, CORS, lifecycle or replication?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.8
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventname, requestparameters_bucketname, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 's3.amazonaws.com'
    AND eventname IN (
        'PutBucketAcl', 'PutBucketPolicy', 'PutBucketCors', 'PutBucketLifecycle',
        'PutBucketReplication', 'DeleteBucketPolicy', 'DeleteBucketCors',
        'DeleteBucketLifecycle', 'DeleteBucketReplication'
    )
ORDER BY eventtime, eventid
