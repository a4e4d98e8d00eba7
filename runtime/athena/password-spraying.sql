-- title: Password spraying
-- question: Which addresses failed to log in as many different users within one hour?
-- param from: today-7
-- param to: today
-- param min_users: 5
SELECT date_trunc('hour', eventtime) AS hour, sourceipaddress,
    count(DISTINCT coalesce(useridentity_username, useridentity_arn, useridentity_principalid)) AS users,
    count(*) AS failures
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventname = 'ConsoleLogin'
    AND responseelements_consolelogin = 'Failure'
GROUP BY 1, 2
HAVING count(DISTINCT coalesce(useridentity_username, useridentity_arn, useridentity_principalid)) >= CAST(:min_users AS integer)
ORDER BY users DESC, 1, 2
