/* SPDX-License-Identifier: MIT */
/*
 * The root: one exported object, `hakmem_root`, through which the command hakmem reads the heap of
 * a process from outside, or of a core file: pointers to what each layer keeps, and the layout of
 * the structures behind them. Nothing of it is written after relocation, nothing in the process
 * reads it. The command is compiled from the same headers: a root whose layout or version is not
 * the command's own is of another build, and is refused.
 */
#ifndef HAK_DIAG_ROOT_H
#define HAK_DIAG_ROOT_H

#include "front/request.h"
#include "front/thread_heaps.h"
#include "lane/depot.h"
#include "slab/decay.h"
#include "slab/meta.h"
#include "slab/space.h"

#include "hakmem/hakmem.h"

/* Found also where there are no symbols: 16 bytes that are nowhere else, and `self`. */
#define ROOT_MAGIC "\x89HAKMEM-ROOT\r\n\x1a"
/* Counts changes of meaning that leave every size and offset as it is. */
#define ROOT_VERSION 1

/* Every size, offset and number that a reader relies on. */
#define ROOT_LAYOUT_SPACE(SIZE, FIELD, NUMBER)                                                     \
    SIZE(struct space)                                                                             \
    FIELD(struct space, is_rationed)                                                               \
    FIELD(struct space, base)                                                                      \
    FIELD(struct space, count)                                                                     \
    FIELD(struct space, superslabs)                                                                \
    FIELD(struct space, taken)                                                                     \
    FIELD(struct space, frontier)                                                                  \
    FIELD(struct space, opened)                                                                    \
    FIELD(struct space, claimed)                                                                   \
    FIELD(struct space, warm_slabs)                                                                \
    SIZE(struct superslab)                                                                         \
    FIELD(struct superslab, free)                                                                  \
    FIELD(struct superslab, warm)                                                                  \
    FIELD(struct superslab, slabs)                                                                 \
    FIELD(struct superslab, state)                                                                 \
    SIZE(struct slab)                                                                              \
    FIELD(struct slab, start)                                                                      \
    FIELD(struct slab, owner)                                                                      \
    FIELD(struct slab, size)                                                                       \
    FIELD(struct slab, size_class)                                                                 \
    FIELD(struct slab, state)                                                                      \
    FIELD(struct slab, head_delta)                                                                 \
    FIELD(struct slab, slab_count)                                                                 \
    FIELD(struct slab, lane)                                                                       \
    SIZE(struct pool_slab)                                                                         \
    FIELD(struct pool_slab, bits)                                                                  \
    FIELD(struct pool_slab, block_count)                                                           \
    FIELD(struct pool_slab, free_count)                                                            \
    FIELD(struct pool_slab, carved)                                                                \
    FIELD(struct pool_slab, inline_bits)                                                           \
    FIELD(struct huge_block, count)                                                                \
    SIZE(struct meta_arena)                                                                        \
    FIELD(struct meta_arena, start)                                                                \
    FIELD(struct meta_arena, at)                                                                   \
    FIELD(struct meta_arena, present)                                                              \
    FIELD(struct meta_arena, mapped)                                                               \
    FIELD(struct meta_arena, end)                                                                  \
    FIELD(struct meta_arena, used)                                                                 \
    FIELD(struct decay_clock, epoch)                                                               \
    FIELD(struct decay_clock, purged_bytes)                                                        \
    NUMBER(SLAB_SHIFT)                                                                             \
    NUMBER(SUPERSLAB_SHIFT)                                                                        \
    NUMBER(SLAB_MAP_OFFSET)                                                                        \
    NUMBER(SLAB_INLINE_WORDS)                                                                      \
    NUMBER(SLAB_FREE)                                                                              \
    NUMBER(SLAB_BLOCKS)                                                                            \
    NUMBER(SLAB_SPAN)                                                                              \
    NUMBER(SLAB_HUGE)                                                                              \
    NUMBER(SUPERSLAB_FREE)                                                                         \
    NUMBER(SUPERSLAB_SLABS)                                                                        \
    NUMBER(SUPERSLAB_HUGE)                                                                         \
    NUMBER(SUPERSLAB_FIXED)

#define ROOT_LAYOUT_CACHES(SIZE, FIELD, NUMBER)                                                    \
    SIZE(struct size_class)                                                                        \
    FIELD(struct size_class, size)                                                                 \
    FIELD(struct size_class, blocks)                                                               \
    FIELD(struct size_class, slabs)                                                                \
    SIZE(struct batch)                                                                             \
    FIELD(struct batch, next)                                                                      \
    FIELD(struct batch, count)                                                                     \
    FIELD(struct batch, blocks)                                                                    \
    SIZE(struct depot)                                                                             \
    FIELD(struct depot, batches)                                                                   \
    FIELD(struct depot, traffic)                                                                   \
    SIZE(struct traffic)                                                                           \
    FIELD(struct traffic, taken)                                                                   \
    FIELD(struct traffic, given)                                                                   \
    SIZE(struct pool_traffic)                                                                      \
    FIELD(struct pool_traffic, traffic)                                                            \
    SIZE(struct span_figures)                                                                      \
    FIELD(struct span_figures, taken)                                                              \
    FIELD(struct span_figures, given)                                                              \
    FIELD(struct thread_heaps, live)                                                               \
    SIZE(struct thread_heap)                                                                       \
    FIELD(struct thread_heap, top)                                                                 \
    FIELD(struct thread_heap, bottom)                                                              \
    FIELD(struct thread_heap, thread_id)                                                           \
    FIELD(struct thread_heap, granted)                                                             \
    FIELD(struct thread_heap, next)                                                                \
    SIZE(struct request)                                                                           \
    FIELD(struct request, asked)                                                                   \
    FIELD(struct request, served)                                                                  \
    FIELD(struct request, value)                                                                   \
    FIELD(struct request, result)                                                                  \
    SIZE(struct requests)                                                                          \
    FIELD(struct requests, is_waiting)                                                             \
    FIELD(struct requests, slots)                                                                  \
    NUMBER(CLASS_COUNT)                                                                            \
    NUMBER(CLASS_TINY_LAST)                                                                        \
    NUMBER(CLASS_POOL_LAST)                                                                        \
    NUMBER(CLASS_ACE_LAST)                                                                         \
    NUMBER(CLASS_HUGE)                                                                             \
    NUMBER(BATCH_BLOCKS)                                                                           \
    NUMBER(BIN_SLOTS_MAX)                                                                          \
    NUMBER(LANE_HUGE_MIN)                                                                          \
    NUMBER(HAK_FB_COUNT)                                                                           \
    SIZE(struct settings)

enum {
#define ROOT_ONE(...) +1
    ROOT_LAYOUT_COUNT = ROOT_LAYOUT_SPACE(ROOT_ONE, ROOT_ONE, ROOT_ONE)
        ROOT_LAYOUT_CACHES(ROOT_ONE, ROOT_ONE, ROOT_ONE)
#undef ROOT_ONE
};

/* An initialiser of `layout`. */
#define ROOT_SIZE(type) (uint32_t)sizeof(type),
#define ROOT_FIELD(type, field) (uint32_t) offsetof(type, field),
#define ROOT_NUMBER(number) (uint32_t)(number),
#define ROOT_LAYOUT                                                                                \
    {                                                                                              \
        ROOT_LAYOUT_SPACE(ROOT_SIZE, ROOT_FIELD, ROOT_NUMBER)                                      \
        ROOT_LAYOUT_CACHES(ROOT_SIZE, ROOT_FIELD, ROOT_NUMBER)                                     \
    }

/* The settings' names in the table's order. */
#define ROOT_SETTING_NAME(field, name, kind, initial, min, max, help) name ","
#define ROOT_SETTING_NAMES HAK_SETTINGS(ROOT_SETTING_NAME)

/* Purpose: by what a root is known, and whether the rest can be read. Invariant: the same in every
 * build, for ever. */
struct root_head {
    char magic[16];
    uint32_t version; /* ROOT_VERSION */
    uint32_t size;    /* sizeof(struct root) */
    const void *self;
    char library_version[16];
};
_Static_assert(sizeof(ROOT_MAGIC) == 16, "the magic fills its place");

/* Purpose: all that a reader starts from. Owner: none; constant but for relocation. */
struct root {
    struct root_head head;
    uint32_t layout_count;
    uint32_t layout[ROOT_LAYOUT_COUNT];
    char setting_names[sizeof(ROOT_SETTING_NAMES)];
    const struct space *space;
    const struct meta_arena *meta;
    const struct decay_clock *decay;
    const struct settings *settings;
    const struct size_class *size_classes;
    const struct pool *shared_pool;
    const struct depot *depots;
    const struct pool_traffic *pool_traffic;
    const struct span_figures *span_figures; /* of the classes above CLASS_POOL_LAST */
    const struct thread_heaps *thread_heaps;
    const uint64_t *fb_counts;
    struct requests *request; /* the only thing that is ever written from outside */
};
extern const struct root hakmem_root;

#endif
