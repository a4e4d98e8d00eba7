-- title: Indicators of compromise
-- question: Which events carry one of these addresses, IPv4 networks (CIDR), access keys or ARNs?
-- param ips[]:
-- param cidrs[]:
-- param keys[]:
-- param arns[]:
-- param from: today-90
-- param to: today
WITH
cidrs AS (
    SELECT CAST(power(2, 32 - try_cast(element_at(split(cidr, '/'), 2) AS integer)) AS bigint) AS size,
        try_cast(element_at(split(element_at(split(cidr, '/'), 1), '.'), 1) AS bigint) * 16777216
        + try_cast(element_at(split(element_at(split(cidr, '/'), 1), '.'), 2) AS bigint) * 65536
        + try_cast(element_at(split(element_at(split(cidr, '/'), 1), '.'), 3) AS bigint) * 256
        + try_cast(element_at(split(element_at(split(cidr, '/'), 1), '.'), 4) AS bigint) AS base
    FROM UNNEST(ARRAY[:cidrs]) AS t (cidr)
    WHERE regexp_like(cidr, '^[0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}/([0-9]|[12][0-9]|3[0-2])$')
),
addresses AS (
    SELECT DISTINCT sourceipaddress AS address,
        try_cast(element_at(split(sourceipaddress, '.'), 1) AS bigint) * 16777216
        + try_cast(element_at(split(sourceipaddress, '.'), 2) AS bigint) * 65536
        + try_cast(element_at(split(sourceipaddress, '.'), 3) AS bigint) * 256
        + try_cast(element_at(split(sourceipaddress, '.'), 4) AS bigint) AS number
    FROM parquettrails
    WHERE eventdate BETWEEN :from AND :to
        AND regexp_like(sourceipaddress, '^[0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}$')
),
inside AS (
    SELECT DISTINCT addresses.address
    FROM addresses
    CROSS JOIN cidrs
    WHERE addresses.number - mod(addresses.number, cidrs.size) = cidrs.base - mod(cidrs.base, cidrs.size)
),
found AS (
    SELECT CASE
            WHEN e.sourceipaddress IN (:ips) THEN 'address'
            WHEN inside.address IS NOT NULL THEN 'network'
            WHEN e.useridentity_accesskeyid IN (:keys) THEN 'key used'
            WHEN e.responseelements_credentials_accesskeyid IN (:keys) THEN 'key issued'
            WHEN e.responseelements_accesskey_accesskeyid IN (:keys) THEN 'key issued'
            WHEN e.useridentity_arn IN (:arns) THEN 'principal'
            WHEN e.useridentity_sessioncontext_sessionissuer_arn IN (:arns) THEN 'principal'
            WHEN e.requestparameters_rolearn IN (:arns) THEN 'role asked for'
        END AS matched,
        e.eventtime, e.recipientaccountid, e.awsregion, e.sourceipaddress, e.useridentity_arn,
        e.useridentity_accesskeyid, e.eventsource, e.eventname, e.errorcode, e.eventid
    FROM parquettrails AS e
    LEFT JOIN inside ON inside.address = e.sourceipaddress
    WHERE e.eventdate BETWEEN :from AND :to
)
SELECT matched, eventtime, recipientaccountid, awsregion, sourceipaddress, useridentity_arn,
    useridentity_accesskeyid, eventsource, eventname, errorcode, eventid
FROM found
WHERE matched IS NOT NULL
ORDER BY eventtime, eventid
