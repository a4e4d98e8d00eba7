-- title: Secrets read
-- question: Who read secrets and encrypted parameters, how many different ones, from where?
-- param from: today-7
-- param to: today
SELECT recipientaccountid,
    coalesce(useridentity_sessioncontext_sessionissuer_arn, useridentity_arn, '') AS principal, sourceipaddress,
    eventsource, count(*) AS reads,
    count(DISTINCT coalesce(requestparameters_secretid, requestparameters_name, requestparameters)) AS secrets,
    count(*) FILTER (WHERE errorcode <> '') AS refused, min(eventtime) AS first_seen, max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND (
        (eventsource = 'secretsmanager.amazonaws.com' AND eventname IN ('GetSecretValue', 'BatchGetSecretValue'))
        OR (
            eventsource = 'ssm.amazonaws.com'
            AND eventname IN ('GetParameter', 'GetParameters', 'GetParametersByPath', 'GetParameterHistory')
            AND json_extract_scalar(requestparameters, '$.withDecryption') = 'true'
        )
    )
GROUP BY 1, 2, 3, 4
ORDER BY secrets DESC, reads DESC, 1, 2, 3, 4
