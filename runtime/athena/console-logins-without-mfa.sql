-- title: Console logins without MFA, by principal
-- question: Who gets into the console without MFA at AWS, whatever the kind of identity? Federated logins may have had it at their provider.
-- param from: today-7
-- param to: today
SELECT recipientaccountid, useridentity_type,
    coalesce(useridentity_arn, useridentity_username, useridentity_principalid, '') AS principal,
    count(*) AS logins, count(DISTINCT sourceipaddress) AS addresses, min(eventtime) AS first_seen,
    max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventname = 'ConsoleLogin'
    AND responseelements_consolelogin = 'Success'
    AND coalesce(additionaleventdata_mfaused, 'No') NOT IN ('Yes', 'true')
    AND coalesce(useridentity_sessioncontext_attributes_mfaauthenticated, 'false') <> 'true'
GROUP BY 1, 2, 3
ORDER BY logins DESC, 1, 2, 3
