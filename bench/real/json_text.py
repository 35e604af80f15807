"""JSON written and read again: small strings, dicts, lists. Argument: thousands of nodes."""

import json
import random
import sys


def tree(depth, rng):
    """A document of nested objects and lists."""
    if depth == 0:
        return rng.choice([rng.random(), "text " * rng.randrange(20), None, rng.randrange(10**9)])
    return {f"key{i}_{rng.randrange(100)}": [tree(depth - 1, rng) for _ in range(3)]
            for i in range(3)}


random_numbers = random.Random(42)
length = 0
for _ in range(max(1, int(sys.argv[1]) // 10)):
    document = tree(4, random_numbers)
    for _ in range(3):
        text = json.dumps(document, indent=1, sort_keys=True)
        assert json.loads(text) == document
        length += len(text)
print(length)
