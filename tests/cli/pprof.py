#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Decode a profile in pprof's form (profile.proto) and print it, a line a thing: pprof.py FILE.

A reader of its own: what hakmem writes is checked against the format, not against hakmem. It fails
on what the format forbids: numbers of strings, functions, locations or mappings that are not there.
"""
import gzip
import sys


def number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(field, value) of a message: numbers as int, everything else as bytes."""
    at = 0
    while at < len(data):
        key, at = number(data, at)
        if key & 7 == 0:
            value, at = number(data, at)
        elif key & 7 == 2:
            size, at = number(data, at)
            assert at + size <= len(data), "a field is longer than its message"
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"field of kind {key & 7}")
        yield key >> 3, value


def packed(data):
    values, at = [], 0
    while at < len(data):
        value, at = number(data, at)
        values.append(value)
    return values


def message(data, repeated=()):
    result = {field: [] for field in repeated}
    for field, value in fields(data):
        if field in repeated:
            result[field].append(value)
        else:
            assert field not in result, f"field {field} twice"
            result[field] = value
    return result


def main():
    profile = message(gzip.open(sys.argv[1]).read(), repeated=(1, 2, 3, 4, 5, 6))
    strings = [text.decode() for text in profile[6]]
    assert strings[0] == "" and len(set(strings)) == len(strings)

    def value_type(data):
        fields_of = message(data)
        return f"{strings[fields_of[1]]}/{strings[fields_of[2]]}"

    print("types", *(value_type(data) for data in profile[1]))
    print("period", value_type(profile[11]), profile[12], "default", strings[profile[14]])
    assert profile[9] > 10**18 and profile[10] > 0
    mappings = {fields_of[1]: fields_of for fields_of in map(message, profile[3])}
    for fields_of in mappings.values():
        assert fields_of[2] < fields_of[3]
        print("mapping", strings[fields_of[5]], strings[fields_of.get(6, 0)])
    functions = {fields_of[1]: strings[fields_of[2]] for fields_of in map(message, profile[5])}
    locations = {}
    for data in profile[4]:
        location = message(data, repeated=(4,))
        if 2 in location:
            mapping = mappings[location[2]]
            assert mapping[2] <= location[3] < mapping[3]
        locations[location[1]] = [functions[message(line)[1]] for line in location[4]]
    for data in profile[2]:
        sample = message(data, repeated=(3,))
        values = packed(sample[2])
        assert len(values) == len(profile[1])
        stack = [name for id_ in packed(sample.get(1, b"")) for name in locations[id_]]
        labels = [message(label) for label in sample[3]]
        words = [f"{strings[label[1]]}={label[3]}" for label in labels]
        print(*values, "<".join(stack), *words)


main()
