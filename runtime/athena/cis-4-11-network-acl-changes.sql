-- title: Network ACL changes
-- question: Who created, deleted or changed a network ACL?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.11
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventname, requestparameters_networkaclid, requestparameters, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'ec2.amazonaws.com'
    AND eventname IN (
        'CreateNetworkAcl', 'CreateNetworkAclEntry', 'DeleteNetworkAcl', 'DeleteNetworkAclEntry',
        'ReplaceNetworkAclEntry', 'ReplaceNetworkAclAssociation'
    )
ORDER BY eventtime, eventid
