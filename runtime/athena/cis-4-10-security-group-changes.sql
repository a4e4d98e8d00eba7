-- title: Security group changes
-- question: Who created, deleted or changed a security group?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.10
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventname, requestparameters_groupid, requestparameters, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'ec2.amazonaws.com'
    AND eventname IN (
        'AuthorizeSecurityGroupIngress', 'AuthorizeSecurityGroupEgress',
        'RevokeSecurityGroupIngress', 'RevokeSecurityGroupEgress', 'CreateSecurityGroup',
        'DeleteSecurityGroup'
    )
ORDER BY eventtime, eventid
