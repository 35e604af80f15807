"""Objects, dicts, tuples and strings as a program of records makes them. Argument: thousands."""

import sys


def records(count):
    """Dicts of mixed values, as rows of a file."""
    return [{"id": i, "name": f"user {i * 7919 % count}", "tags": ("a" * (i % 30), str(i % 97)),
             "score": i * 0.5} for i in range(count)]


def group(rows):
    """Lists of rows by a tag: lists that grow side by side."""
    groups = {}
    for row in rows:
        groups.setdefault(row["tags"][1], []).append(row)
    return groups


def words(rows):
    """Strings cut, joined and counted."""
    counts = {}
    for row in rows:
        for word in f"{row['name']} {row['tags'][0]}x {row['score']:.1f}".split():
            counts[word] = counts.get(word, 0) + 1
    return counts


total = 0
for part in range(4):
    rows = records(int(sys.argv[1]) * 250)
    rows.sort(key=lambda row: row["name"])
    total += sum(len(group) for group in group(rows).values()) + len(words(rows))
print(total)
