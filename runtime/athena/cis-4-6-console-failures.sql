-- title: Failed console sign-ins
-- question: Which console sign-ins failed authentication?
-- param from: today-7
-- param to: today
-- control: CIS AWS Foundations Benchmark v1.4.0 4.6
SELECT eventtime, recipientaccountid, useridentity_type, useridentity_username, sourceipaddress, useragent,
    errormessage
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventname = 'ConsoleLogin'
    AND errormessage = 'Failed authentication'
ORDER BY eventtime, eventid
