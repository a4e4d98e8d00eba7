-- title: Failed console logins by address
-- question: From which addresses do logins fail, how often, for how many users, and did one succeed?
-- param from: today-7
-- param to: today
-- param min_failures: 1
SELECT sourceipaddress,
    count(*) FILTER (WHERE responseelements_consolelogin = 'Failure') AS failures,
    count(DISTINCT if(responseelements_consolelogin = 'Failure', coalesce(useridentity_username, useridentity_arn))) AS users,
    count(*) FILTER (WHERE responseelements_consolelogin = 'Success') AS successes,
    min(eventtime) AS first_seen, max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND eventname = 'ConsoleLogin'
GROUP BY 1
HAVING count(*) FILTER (WHERE responseelements_consolelogin = 'Failure') >= CAST(:min_failures AS integer)
ORDER BY failures DESC, 1
