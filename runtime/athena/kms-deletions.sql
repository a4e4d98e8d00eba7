-- title: KMS key deletions
-- question: Which keys or their material are deleted or about to be, when, and was it called off?
-- param from: today-7
-- param to: today
SELECT eventtime, recipientaccountid, awsregion, eventname,
    coalesce(requestparameters_keyid, serviceeventdetails_keyid) AS key_id,
    json_extract_scalar(requestparameters, '$.pendingWindowInDays') AS pending_days,
    json_extract_scalar(responseelements, '$.deletionDate') AS deletion_date, useridentity_arn, sourceipaddress,
    errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'kms.amazonaws.com'
    AND eventname IN ('ScheduleKeyDeletion', 'CancelKeyDeletion', 'DeleteKey', 'DeleteImportedKeyMaterial', 'DeleteCustomKeyStore')
ORDER BY eventtime, eventid
