-- title: AWS Config changes
-- question: Who stopped or changed AWS Config's recording or delivery?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.9
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventname, requestparameters, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'config.amazonaws.com'
    AND eventname IN (
        'StopConfigurationRecorder', 'DeleteDeliveryChannel', 'PutDeliveryChannel',
        'PutConfigurationRecorder'
    )
ORDER BY eventtime, eventid
