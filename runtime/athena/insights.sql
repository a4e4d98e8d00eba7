-- title: CloudTrail Insights
-- question: Which unusual call or error rates did CloudTrail find, and are they over?
-- param from: today-7
-- param to: today
SELECT recipientaccountid, awsregion, insightdetails_insighttype, insightdetails_eventsource, insightdetails_eventname,
    insightdetails_errorcode, min(eventtime) AS started,
    max(eventtime) FILTER (WHERE insightdetails_state = 'End') AS ended
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND insightdetails_state IS NOT NULL
GROUP BY sharedeventid, recipientaccountid, awsregion, insightdetails_insighttype, insightdetails_eventsource,
    insightdetails_eventname, insightdetails_errorcode
ORDER BY started, 1, 2, 3, 4, 5
