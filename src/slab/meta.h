/* SPDX-License-Identifier: MIT */
/*
 * Memory for records, out of line: what meta.c gives to every layer above.
 */
#ifndef HAK_SLAB_META_H
#define HAK_SLAB_META_H

#include "os/os.h"

/* `size` zeroed bytes, 64-byte aligned, multiples of META_PAGE to that. NULL when out of memory. */
void *meta_alloc(size_t size);
#define META_PAGE ((size_t)4096)
/* size as it was asked for; at most META_FREE_MAX. */
void meta_free(void *block, size_t size);
#define META_FREE_MAX ((size_t)8192)
size_t meta_used_bytes(void);
/* Where metadata may be: set by reservation_make. `mapped` false: meta.c maps it in steps. */
void meta_init(char *start, size_t size, bool mapped);

#define META_ALIGN ((size_t)64)
/* Purpose: the arena of meta.c. Owner: lock. Invariant: start <= at <= present <= mapped <= end. */
struct meta_arena {
    struct lock lock;
    char *start;
    char *at;
    char *present;
    char *mapped;
    char *end;
    size_t used;
    struct free_block *free[META_FREE_MAX / META_ALIGN + 1];
};
extern struct meta_arena meta_arena;

#endif
