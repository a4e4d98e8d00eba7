-- title: IAM policy changes
-- question: Who changed IAM policies or what they are attached to?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.4
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventname, requestparameters_policyarn, requestparameters_policyname, requestparameters_rolename,
    requestparameters_username, requestparameters_groupname, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'iam.amazonaws.com'
    AND eventname IN (
        'DeleteGroupPolicy', 'DeleteRolePolicy', 'DeleteUserPolicy', 'PutGroupPolicy',
        'PutRolePolicy', 'PutUserPolicy', 'CreatePolicy', 'DeletePolicy', 'CreatePolicyVersion',
        'DeletePolicyVersion', 'AttachRolePolicy', 'DetachRolePolicy', 'AttachUserPolicy',
        'DetachUserPolicy', 'AttachGroupPolicy', 'DetachGroupPolicy'
    )
ORDER BY eventtime, eventid
