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

#endif
