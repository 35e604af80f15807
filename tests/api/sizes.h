/* SPDX-License-Identifier: MIT */
/*
 * The sizes that tests of the malloc contract try: 0, 1, each size class of HAKMEM with the sizes
 * beside it (16-byte steps to 128, then 8 a doubling up to 2 MiB), and huge ones beside pages.
 */
#ifndef TESTS_API_SIZES_H
#define TESTS_API_SIZES_H

#include <stddef.h>

#include "check.h"

#define SIZES_MAX 512
struct sizes {
    size_t count;
    size_t size[SIZES_MAX];
};

static inline void sizes_add(struct sizes *sizes, size_t size)
{
    if (sizes->count == SIZES_MAX)
        check_fail(__FILE__, __LINE__, "SIZES_MAX is too small");
    sizes->size[sizes->count++] = size;
}

static inline void sizes_add_around(struct sizes *sizes, size_t size)
{
    sizes_add(sizes, size - 1);
    sizes_add(sizes, size);
    sizes_add(sizes, size + 1);
}

/* Every size worth trying, up to `max`. */
static inline void sizes_all(struct sizes *sizes, size_t max)
{
    static const size_t huge[] = {2 * MIB + 4096, 3 * MIB, 4 * MIB, 16 * MIB, 40 * MIB};
    sizes->count = 0;
    sizes_add(sizes, 0);
    sizes_add(sizes, 1);
    for (size_t size = 16; size <= 128 && size < max; size += 16)
        sizes_add_around(sizes, size);
    for (size_t base = 128; base < 2 * MIB; base *= 2)
        for (size_t step = 1; step <= 8 && base + base / 8 * step < max; step++)
            sizes_add_around(sizes, base + base / 8 * step);
    for (size_t i = 0; i < sizeof huge / sizeof huge[0] && huge[i] < max; i++)
        sizes_add_around(sizes, huge[i]);
}

#endif
