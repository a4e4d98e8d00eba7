-- title: Security groups opened to the world
-- question: Which rules let everybody (0.0.0.0/0 or ::/0) in, on which ports?
-- param from: today-7
-- param to: today
WITH
calls AS (
    SELECT eventtime, eventid, recipientaccountid, awsregion, useridentity_arn, sourceipaddress, eventname,
        requestparameters_groupid, requestparameters,
        json_format(json_extract(requestparameters, '$.ipPermissions.items')) AS items
    FROM parquettrails
    WHERE eventdate BETWEEN :from AND :to
        AND eventsource = 'ec2.amazonaws.com'
        AND eventname IN ('AuthorizeSecurityGroupIngress', 'ModifySecurityGroupRules')
        AND coalesce(errorcode, '') = ''
),
rules AS (
    SELECT eventtime, eventid, recipientaccountid, awsregion, useridentity_arn, sourceipaddress, eventname,
        requestparameters_groupid, coalesce(json_format(t.item), requestparameters) AS rule
    FROM calls
    LEFT JOIN UNNEST(CAST(json_parse(if(items LIKE '[%', items)) AS array(json))) AS t (item) ON true
)
SELECT eventtime, recipientaccountid, awsregion, useridentity_arn, sourceipaddress, eventname,
    requestparameters_groupid, json_extract_scalar(rule, '$.ipProtocol') AS protocol,
    json_extract_scalar(rule, '$.fromPort') AS from_port, json_extract_scalar(rule, '$.toPort') AS to_port, rule
FROM rules
WHERE regexp_like(rule, '"[Cc]idrIp(v4|v6)?" *: *"(0[.]0[.]0[.]0/0|::/0)"')
ORDER BY eventtime, eventid, rule
