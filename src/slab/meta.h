/* SPDX-License-Identifier: MIT */
/*
 * Memory for metadata, away from the blocks: every layer above takes its records here.
 */
#ifndef HAK_SLAB_META_H
#define HAK_SLAB_META_H

#include "os/os.h"

/* Take `size` zeroed bytes, aligned to 64 bytes. A new piece whose size is a multiple of META_PAGE
 * is aligned to META_PAGE. NULL when out of memory. */
void *meta_alloc(size_t size);
#define META_PAGE ((size_t)4096)
/* Give a piece back; `size` as in meta_alloc, at most META_FREE_MAX. */
void meta_free(void *block, size_t size);
#define META_FREE_MAX ((size_t)8192)
size_t meta_used_bytes(void);
/* Set the range for metadata. If `mapped` is false, meta.c maps it in steps. */
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
