-- title: Buckets opened to the public
-- question: Which calls gave everybody access to a bucket by ACL or policy, or took its public access block away?
-- param from: today-7
-- param to: today
WITH
calls AS (
    SELECT eventtime, eventid, recipientaccountid, awsregion, useridentity_arn, sourceipaddress, eventname,
        requestparameters_bucketname, requestparameters_x_amz_acl, requestparameters, errorcode,
        json_format(json_extract(requestparameters, '$.bucketPolicy.Statement')) AS statements,
        json_format(json_extract(requestparameters, '$.PublicAccessBlockConfiguration')) AS block
    FROM parquettrails
    WHERE eventdate BETWEEN :from AND :to
        AND eventsource = 's3.amazonaws.com'
        AND eventname IN (
            'PutBucketAcl', 'PutObjectAcl', 'CreateBucket', 'PutBucketPolicy', 'PutBucketPublicAccessBlock',
            'DeleteBucketPublicAccessBlock', 'PutAccountPublicAccessBlock', 'DeleteAccountPublicAccessBlock'
        )
),
judged AS (
    SELECT eventtime, eventid, recipientaccountid, awsregion, useridentity_arn, sourceipaddress, eventname,
        requestparameters_bucketname, errorcode,
        CASE
            WHEN regexp_like(requestparameters_x_amz_acl, 'public-read|authenticated-read') THEN 'canned ACL'
            WHEN regexp_like(requestparameters, 'groups/global/(AllUsers|AuthenticatedUsers)') THEN 'grant to a group of everybody'
            WHEN eventname LIKE 'Delete%PublicAccessBlock' THEN 'public access block deleted'
            WHEN regexp_like(block, ': *"?false') THEN 'public access block weakened'
            WHEN cardinality(
                filter(
                    CAST(json_parse(if(statements LIKE '[%', statements, '[' || statements || ']')) AS array(json)),
                    s -> json_extract_scalar(s, '$.Effect') = 'Allow'
                        AND regexp_like(json_format(json_extract(s, '$.Principal')), '"[*]"')
                )
            ) > 0 THEN 'policy for everybody'
        END AS how
    FROM calls
)
SELECT eventtime, recipientaccountid, awsregion, useridentity_arn, sourceipaddress, eventname,
    requestparameters_bucketname, how, errorcode
FROM judged
WHERE how IS NOT NULL
ORDER BY eventtime, eventid
