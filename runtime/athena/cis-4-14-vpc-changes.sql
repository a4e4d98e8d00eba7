-- title: VPC changes
-- question: Who created, deleted or changed a VPC, its peering or its ClassicLink?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.14
SELECT eventtime, recipientaccountid, awsregion, useridentity_type, useridentity_arn, sourceipaddress,
    eventname, requestparameters_vpcid, requestparameters, errorcode
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventsource = 'ec2.amazonaws.com'
    AND eventname IN (
        'CreateVpc', 'DeleteVpc', 'ModifyVpcAttribute', 'AcceptVpcPeeringConnection',
        'CreateVpcPeeringConnection', 'DeleteVpcPeeringConnection', 'RejectVpcPeeringConnection',
        'AttachClassicLinkVpc', 'DetachClassicLinkVpc', 'DisableVpcClassicLink',
        'EnableVpcClassicLink'
    )
ORDER BY eventtime, eventid
