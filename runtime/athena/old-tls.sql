-- title: Clients with old TLS
-- question: Who still connects with TLS older than 1.2, with which agent?
-- param from: today-7
-- param to: today
SELECT recipientaccountid, tlsdetails_tlsversion, eventsource, useragent, sourceipaddress,
    coalesce(useridentity_sessioncontext_sessionissuer_arn, useridentity_arn, '') AS principal, count(*) AS events,
    max(eventtime) AS last_seen
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
    AND tlsdetails_tlsversion IN ('SSLv3', 'TLSv1', 'TLSv1.0', 'TLSv1.1')
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY events DESC, 1, 2, 3, 4, 5, 6
