/* SPDX-License-Identifier: MIT */
/*
 * free_sized, free_aligned_sized and cfree: each frees (memory does not grow, the block is handed
 * out again), accepts NULL and keeps errno.
 */
#include "check.h"
#include "sizes.h"

static struct sizes sizes;

static void (*sized)(void *, size_t);
static void (*aligned_sized)(void *, size_t, size_t);
static void (*old_free)(void *);

static void each_size(void)
{
    for (size_t i = 0; i < sizes.count; i++) {
        size_t size = check_case = sizes.size[i];
        errno = 4711;
        sized(malloc(opaque_size(size)), size);
        sized(calloc(1, opaque_size(size)), size);
        sized(realloc(malloc(7), opaque_size(size + 1)), size + 1);
        old_free(malloc(opaque_size(size)));
        for (size_t alignment = 16; alignment <= 64 * KIB; alignment *= 16)
            aligned_sized(aligned_alloc(alignment, opaque_size(size)), alignment, size);
        CHECK_EQ(errno, 4711);
    }
}

static void they_free(void)
{
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < 20000; i++) {
        sized(malloc(opaque_size(3000)), 3000);
        aligned_sized(aligned_alloc(256, opaque_size(3000)), 256, 3000);
        old_free(malloc(opaque_size(3000)));
    }
    struct mallinfo2 after = mallinfo2();
    CHECK_LE(after.uordblks, before.uordblks + 64 * KIB);
    CHECK_LE(after.arena, before.arena + 8 * MIB);
}

int main(void)
{
    sized = API_FUNCTION(free_sized);
    aligned_sized = API_FUNCTION(free_aligned_sized);
    old_free = API_FUNCTION(cfree);
    if (sized == NULL || aligned_sized == NULL || old_free == NULL) {
        api_skip("free_sized, free_aligned_sized or cfree");
        return 0;
    }
    sizes_all(&sizes, 5 * MIB);
    each_size();
    they_free();
    errno = 4711;
    sized(NULL, 0);
    sized(NULL, 100);
    aligned_sized(NULL, 64, 100);
    old_free(NULL);
    CHECK_EQ(errno, 4711);
    return 0;
}
