-- title: Role chain from one access key
-- question: Which keys were made with this key, which with those, and so on, up to eight steps?
-- param key:
-- param from: today-7
-- param to: today
WITH RECURSIVE
issued (parent_key, new_key, eventtime, recipientaccountid, sourceipaddress, eventname, target) AS (
    SELECT useridentity_accesskeyid, coalesce(responseelements_credentials_accesskeyid, responseelements_accesskey_accesskeyid),
        eventtime, recipientaccountid, sourceipaddress, eventname,
        coalesce(responseelements_assumedroleuser_arn, responseelements_accesskey_username)
    FROM parquettrails
    WHERE eventdate BETWEEN :from AND :to
        AND coalesce(responseelements_credentials_accesskeyid, responseelements_accesskey_accesskeyid) IS NOT NULL
),
chain (step, parent_key, new_key, eventtime, recipientaccountid, sourceipaddress, eventname, target) AS (
    SELECT 1, parent_key, new_key, eventtime, recipientaccountid, sourceipaddress, eventname, target
    FROM issued
    WHERE parent_key = :key
    UNION ALL
    SELECT chain.step + 1, issued.parent_key, issued.new_key, issued.eventtime, issued.recipientaccountid,
        issued.sourceipaddress, issued.eventname, issued.target
    FROM chain
    JOIN issued ON issued.parent_key = chain.new_key
    WHERE chain.step < 8
)
SELECT DISTINCT step, parent_key, new_key, target, eventname, eventtime, recipientaccountid, sourceipaddress
FROM chain
ORDER BY step, eventtime, new_key
