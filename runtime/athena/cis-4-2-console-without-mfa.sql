-- title: Console sign-ins without MFA
-- question: Which IAM users signed in to the console without a second factor?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.2
SELECT eventtime, recipientaccountid, useridentity_username, useridentity_arn, sourceipaddress, useragent,
    additionaleventdata_mfaused
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventname = 'ConsoleLogin'
    AND useridentity_type = 'IAMUser'
    AND responseelements_consolelogin = 'Success'
    AND coalesce(additionaleventdata_mfaused, 'No') NOT IN ('Yes', 'true')
ORDER BY eventtime, eventid
