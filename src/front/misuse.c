/* SPDX-License-Identifier: MIT */
/*
 * Owns the messages about misused pointers, each of one line, and ends the program. No lock may be
 * held. Reads the slab layer's records without a lock, while other threads of a correct program may
 * change them: then the message may be less exact.
 */
#include "front/misuse.h"

/* The record of the live Huge block that contains a pointer; NULL if there is none. The pointer may
 * be in any superslab of the block's range. */
static struct slab *find_huge(const void *block)
{
    uintptr_t base = (uintptr_t)reservation_get();
    uintptr_t at = align_down((uintptr_t)block, SUPERSLAB_SIZE);
    for (; at > base; at -= SUPERSLAB_SIZE) {
        struct slab *slab = slab_find_any((const void *)at);
        if (slab && slab->state == SLAB_HUGE)
            return (uintptr_t)block < (uintptr_t)slab->start + slab->size ? slab : NULL;
        if (slab && slab->state != SLAB_FREE)
            return NULL;
    }
    return NULL;
}

struct verdict misuse_diagnose(const void *block)
{
    struct slab *slab = slab_find_any(block);
    if (!slab || !slab->start || slab->state == SLAB_FREE) {
        struct slab *huge = find_huge(block);
        if (huge)
            return (struct verdict){FAULT_NOT_START, block, huge->size};
    }
    if (!slab || slab->size == 0)
        return (struct verdict){FAULT_NOT_START, block, 0};
    size_t offset = (size_t)((const char *)block - slab->start);
    if (slab->state == SLAB_FREE && offset % slab->size == 0)
        return (struct verdict){FAULT_DOUBLE_FREE, block, slab->size};
    return (struct verdict){FAULT_NOT_START, block, slab->size};
}

void misuse_report(const char *function, struct verdict verdict)
{
    if (verdict.fault == FAULT_DOUBLE_FREE)
        log_abort("%s(%p): double free of a %zu-byte block", function, verdict.block, verdict.size);
    if (verdict.size)
        log_abort("%s(%p): not the start of a block, but inside one of %zu bytes", function,
                  verdict.block, verdict.size);
    /* no block is known here: the one that was here may have gone, with its record */
    log_abort("%s(%p): double free, or not the start of a block", function, verdict.block);
}

void misuse_report_foreign(const char *function, const void *block)
{
    log_abort("%s(%p): not a pointer from malloc", function, block);
}
