-- title: Source addresses by identity type
-- question: Which addresses call AWS, and as users, roles or services? The picture at the end of the post.
-- param from: today-7
-- param to: today
SELECT sourceipaddress, useridentity_type, count(*) AS events
FROM parquettrails
WHERE eventdate BETWEEN :from AND :to
GROUP BY 1, 2
ORDER BY events DESC, 1, 2
