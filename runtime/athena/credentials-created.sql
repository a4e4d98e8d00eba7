-- title: Credentials created
-- question: Who made lasting access: users, keys, passwords, trust in roles, identity providers?
-- param from: today-7
-- param to: today
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventname, requestparameters_username, requestparameters_rolename, responseelements_accesskey_accesskeyid,
    errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'iam.amazonaws.com'
    AND eventname IN (
        'CreateUser', 'CreateAccessKey', 'UpdateAccessKey', 'CreateLoginProfile', 'UpdateLoginProfile',
        'DeactivateMFADevice', 'CreateRole', 'UpdateAssumeRolePolicy', 'CreateSAMLProvider', 'UpdateSAMLProvider',
        'CreateOpenIDConnectProvider', 'AddUserToGroup', 'UploadSSHPublicKey', 'CreateServiceSpecificCredential'
    )
ORDER BY eventtime, eventid
