/* SPDX-License-Identifier: MIT */
/*
 * realloc as programs use it. vectors: COUNT vectors grow side by side, by half their size up to
 * LIMIT. strings: COUNT strings are appended to one after another, 16 bytes at a time up to LIMIT.
 * Content is checked after every move.
 */
#include "harness.h"

enum { MODE, LIMIT, COUNT, ROUNDS, PARAMS };
enum { VECTORS, STRINGS };
enum { FIRST_SIZE = 64, STRING_STEP = 16 };

struct vector {
    unsigned char *bytes;
    size_t size;
};

static unsigned char *grow(unsigned char *bytes, size_t from, size_t to, unsigned char mark)
{
    bytes = harness_need(realloc(bytes, to), to);
    if (from > 0 && (bytes[0] != mark || bytes[from - 1] != mark)) {
        harness_fail(1, "content lost by realloc from %zu to %zu bytes", from, to);
    }
    harness_touch(bytes, from, to, mark);
    return bytes;
}

/* Returns the calls made. */
static uint64_t grow_vectors(struct vector *vectors, size_t count, size_t limit)
{
    uint64_t ops = 0;
    memset(vectors, 0, count * sizeof *vectors);
    for (size_t size = FIRST_SIZE; size <= limit; size += size / 2) {
        for (size_t i = 0; i < count; i++) {
            struct vector *v = &vectors[i];
            v->bytes = grow(v->bytes, v->size, size, (unsigned char)(i + 1));
            v->size = size;
            ops++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        free(vectors[i].bytes);
    }
    return ops + count;
}

/* Returns the calls made. */
static uint64_t append_strings(size_t count, size_t limit)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char *string = NULL;
        for (size_t size = STRING_STEP; size <= limit; size += STRING_STEP) {
            string = grow(string, size - STRING_STEP, size, (unsigned char)(i + 1));
        }
        free(string);
    }
    return (uint64_t)count * (limit / STRING_STEP + 1);
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [MODE] = {"MODE", VECTORS, 0, 0, {"vectors", "strings"}},
        [LIMIT] = {"LIMIT", 64 << 20, FIRST_SIZE, (uint64_t)64 << 30, {0}},
        [COUNT] = {"COUNT", 2, 1, 100000, {0}},
        [ROUNDS] = {"ROUNDS", 4, 1, 1000000, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    size_t limit = params[LIMIT].value;
    size_t count = params[COUNT].value;
    struct vector *vectors = harness_map(count * sizeof *vectors);

    uint64_t ops = 0;
    double start = harness_now();
    for (uint64_t round = 0; round < params[ROUNDS].value; round++) {
        ops += params[MODE].value == VECTORS ? grow_vectors(vectors, count, limit)
                                             : append_strings(count, limit);
    }
    harness_result("realloc_growth", ops, harness_now() - start);
    return 0;
}
