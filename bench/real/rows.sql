-- A database in memory: inserts, two indexes, an update, groups, a join, sorted text.
-- Parameter: @rows.
CREATE TABLE item(id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, body BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @rows)
    INSERT INTO item SELECT i, i * 7919 % 1009, printf('name %d of %d', i * 31 % @rows, i % 97),
        zeroblob(i % 200) FROM n;
CREATE INDEX item_kind ON item(kind, name);
CREATE INDEX item_name ON item(name);
UPDATE item SET name = name || ' changed' WHERE id % 5 = 0;
SELECT count(*), sum(length(body)) FROM (SELECT kind, max(name), body FROM item GROUP BY kind);
SELECT count(*) FROM item a JOIN item b ON b.name = a.name AND b.id > a.id;
SELECT length(group_concat(name)) FROM (SELECT name FROM item ORDER BY body, name DESC);
DELETE FROM item WHERE kind % 3 = 0;
SELECT count(*), avg(kind) FROM item;
