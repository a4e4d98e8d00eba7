-- title: Trails and detectors tampered with
-- question: Who stopped, deleted or narrowed what watches the account: CloudTrail, Config, GuardDuty, Security Hub, flow logs?
-- param from: today-7
-- param to: today
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventsource, eventname, requestparameters, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource || ':' || eventname IN (
        'cloudtrail.amazonaws.com:StopLogging', 'cloudtrail.amazonaws.com:DeleteTrail',
        'cloudtrail.amazonaws.com:UpdateTrail', 'cloudtrail.amazonaws.com:PutEventSelectors',
        'cloudtrail.amazonaws.com:PutInsightSelectors', 'cloudtrail.amazonaws.com:DeleteEventDataStore',
        'cloudtrail.amazonaws.com:StopEventDataStoreIngestion', 'config.amazonaws.com:StopConfigurationRecorder',
        'config.amazonaws.com:DeleteConfigurationRecorder', 'config.amazonaws.com:DeleteDeliveryChannel',
        'config.amazonaws.com:DeleteConfigRule', 'guardduty.amazonaws.com:DeleteDetector',
        'guardduty.amazonaws.com:UpdateDetector', 'guardduty.amazonaws.com:CreateFilter',
        'guardduty.amazonaws.com:DeletePublishingDestination', 'securityhub.amazonaws.com:DisableSecurityHub',
        'access-analyzer.amazonaws.com:DeleteAnalyzer', 'macie2.amazonaws.com:DisableMacie',
        'ec2.amazonaws.com:DeleteFlowLogs', 'logs.amazonaws.com:DeleteLogGroup', 'logs.amazonaws.com:DeleteLogStream',
        'monitoring.amazonaws.com:DeleteAlarms', 'monitoring.amazonaws.com:DisableAlarmActions'
    )
ORDER BY eventtime, eventid
