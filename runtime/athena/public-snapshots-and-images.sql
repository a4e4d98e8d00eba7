-- title: Public snapshots and images
-- question: Which EBS or RDS snapshots and which AMIs were shared with everybody?
-- param from: today-7
-- param to: today
SELECT eventtime, recipientaccountid, awsregion, useridentity_arn, sourceipaddress, eventname,
    coalesce(
        requestparameters_snapshotid, requestparameters_imageid,
        json_extract_scalar(requestparameters, '$.dBSnapshotIdentifier'),
        json_extract_scalar(requestparameters, '$.dBClusterSnapshotIdentifier')
    ) AS resource,
    errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND (
        (
            eventname = 'ModifySnapshotAttribute'
            AND regexp_like(json_format(json_extract(requestparameters, '$.createVolumePermission.add')), '"group" *: *"all"')
        )
        OR (
            eventname = 'ModifyImageAttribute'
            AND regexp_like(json_format(json_extract(requestparameters, '$.launchPermission.add')), '"group" *: *"all"')
        )
        OR (
            eventname IN ('ModifyDBSnapshotAttribute', 'ModifyDBClusterSnapshotAttribute')
            AND json_extract_scalar(requestparameters, '$.attributeName') = 'restore'
            AND regexp_like(json_format(json_extract(requestparameters, '$.valuesToAdd')), '"all"')
        )
    )
ORDER BY eventtime, eventid
