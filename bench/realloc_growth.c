/* SPDX-License-Identifier: MIT */
/*
 * realloc as programs use it: vectors that grow side by side by half their size up to LIMIT, and
 * a string that is appended to, 16 bytes at a time. Content is checked after every move.
 */
#include "harness.h"

enum { LIMIT, VECTORS, ROUNDS, PARAMS };
enum { FIRST_SIZE = 64, STRING_MAX = 16 << 10, STRING_STEP = 16, STRINGS = 100 };

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
static uint64_t append_strings(void)
{
    for (size_t i = 0; i < STRINGS; i++) {
        unsigned char *string = NULL;
        for (size_t size = STRING_STEP; size <= STRING_MAX; size += STRING_STEP) {
            string = grow(string, size - STRING_STEP, size, (unsigned char)(i + 1));
        }
        free(string);
    }
    return (uint64_t)STRINGS * (STRING_MAX / STRING_STEP + 1);
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [LIMIT] = {"LIMIT", 64 << 20, FIRST_SIZE, (uint64_t)64 << 30, {0}},
        [VECTORS] = {"VECTORS", 2, 1, 100000, {0}},
        [ROUNDS] = {"ROUNDS", 4, 1, 1000000, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    struct vector *vectors = harness_map(params[VECTORS].value * sizeof *vectors);

    uint64_t ops = 0;
    double start = harness_now();
    for (uint64_t round = 0; round < params[ROUNDS].value; round++) {
        ops += grow_vectors(vectors, params[VECTORS].value, params[LIMIT].value);
        ops += append_strings();
    }
    harness_result("realloc_growth", ops, harness_now() - start);
    return 0;
}
