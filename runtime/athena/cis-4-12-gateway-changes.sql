-- title: Network gateway changes
-- question: Who created, attached, detached or deleted a customer or internet gateway?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.12
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventname, requestparameters_internetgatewayid, requestparameters_vpcid, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'ec2.amazonaws.com'
    AND eventname IN (
        'CreateCustomerGateway', 'DeleteCustomerGateway', 'AttachInternetGateway',
        'CreateInternetGateway', 'DeleteInternetGateway', 'DetachInternetGateway'
    )
ORDER BY eventtime, eventid
