-- SPDX-License-Identifier: MIT
-- Owns the statements that sqlite.sh and rlimit_as.sh run; a sound database prints "integrity ok".
PRAGMA journal_mode = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -20000;
CREATE TABLE item (id INTEGER PRIMARY KEY, hash INTEGER, name TEXT, body BLOB);
BEGIN;
WITH RECURSIVE seq (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM seq WHERE i < 100000)
INSERT INTO item
SELECT i, i * 2654435761 % 4294967296, printf('name-%06d', i * 7919 % 100003),
       zeroblob(i * 31 % 200) FROM seq;
COMMIT;
CREATE INDEX item_hash ON item (hash);
CREATE UNIQUE INDEX item_name ON item (name);
CREATE INDEX item_both ON item (length(body), hash);
UPDATE item SET body = zeroblob(5000) WHERE id % 101 = 0;
DELETE FROM item WHERE id % 7 = 0;
CREATE VIRTUAL TABLE words USING fts5 (text);
INSERT INTO words
SELECT name || ' ' || hex(hash) || ' common' FROM item WHERE id % 9 = 0;
VACUUM;
SELECT 'integrity ' || integrity_check FROM pragma_integrity_check;
SELECT count(*), sum(hash), sum(length(body)), max(name) FROM item;
SELECT count(*) FROM item a JOIN item b ON a.hash = b.hash AND a.id = b.id;
SELECT length(body), count(*), min(name) FROM item GROUP BY length(body) ORDER BY 1 LIMIT 20;
SELECT sum(length(json_extract(value, '$.n')))
FROM (SELECT json_object('n', name, 'h', hash) AS value FROM item);
SELECT count(*) FROM words WHERE words MATCH 'common';
SELECT id, sum(hash) OVER (ORDER BY id ROWS 100 PRECEDING) FROM item ORDER BY 2 DESC LIMIT 5;
SELECT length(group_concat(name)) FROM (SELECT name FROM item ORDER BY hash);
