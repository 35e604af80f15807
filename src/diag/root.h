/* SPDX-License-Identifier: MIT */
/*
 * The root: one exported object, `hakmem_root`, by which the command hakmem reads the heap of a
 * process from outside, or of a core file. It has pointers to the state of each layer, and the
 * layout of the structures. It is never written after relocation, and nothing in the process reads
 * it. The command is compiled from the same headers. If the version or layout of a root is not the
 * command's own, the library is of another build, and the command refuses it.
 */
#ifndef HAK_DIAG_ROOT_H
#define HAK_DIAG_ROOT_H

#include "front/request.h"
#include "front/thread_caches.h"
#include "lane/depot.h"
#include "lane/huge.h"
#include "lane/pool_slab.h"
#include "slab/decay.h"
#include "slab/meta.h"
#include "slab/space.h"
#include "watch/profile.h"

#include "hakmem/hakmem.h"

/* The magic, with `self`, finds the root without symbols: these 16 bytes occur nowhere else. */
#define ROOT_MAGIC "\x89HAKMEM-ROOT\r\n\x1a"
/* Incremented when a field changes its meaning but all sizes and offsets stay as they are. */
#define ROOT_VERSION 1

/* Everything that a reader relies on: sizes and numbers, the structures that it reads, and their
 * fields. A reader cannot name another field: cli/heap/seen.h makes its types from these lists. */
#define ROOT_STRUCTS(X)                                                                            \
    X(space)                                                                                       \
    X(superslab)                                                                                   \
    X(slab)                                                                                        \
    X(pool_slab)                                                                                   \
    X(huge_block)                                                                                  \
    X(meta_arena)                                                                                  \
    X(decay_clock)                                                                                 \
    X(size_class)                                                                                  \
    X(batch)                                                                                       \
    X(depot)                                                                                       \
    X(traffic)                                                                                     \
    X(pool_traffic)                                                                                \
    X(span_figures)                                                                                \
    X(thread_caches)                                                                               \
    X(thread_cache)                                                                                \
    X(request)                                                                                     \
    X(requests)                                                                                    \
    X(profile)                                                                                     \
    X(profile_site)                                                                                \
    X(profile_sample)                                                                              \
    X(stack_store)
#define ROOT_FIELDS_space(X)                                                                       \
    X(space, is_rationed)                                                                          \
    X(space, base)                                                                                 \
    X(space, count)                                                                                \
    X(space, superslabs)                                                                           \
    X(space, taken)                                                                                \
    X(space, frontier)                                                                             \
    X(space, opened)                                                                               \
    X(space, claimed)                                                                              \
    X(space, warm_slabs)                                                                           \
    X(space, is_at_limit)
#define ROOT_FIELDS_superslab(X)                                                                   \
    X(superslab, free)                                                                             \
    X(superslab, warm)                                                                             \
    X(superslab, zero)                                                                             \
    X(superslab, slabs)                                                                            \
    X(superslab, state)
#define ROOT_FIELDS_slab(X)                                                                        \
    X(slab, start)                                                                                 \
    X(slab, owner)                                                                                 \
    X(slab, size)                                                                                  \
    X(slab, size_class)                                                                            \
    X(slab, state)                                                                                 \
    X(slab, head_delta)                                                                            \
    X(slab, slab_count)                                                                            \
    X(slab, lane)
#define ROOT_FIELDS_pool_slab(X)                                                                   \
    X(pool_slab, bits)                                                                             \
    X(pool_slab, block_count)                                                                      \
    X(pool_slab, free_count)                                                                       \
    X(pool_slab, carved)                                                                           \
    X(pool_slab, inline_bits)
#define ROOT_FIELDS_huge_block(X) X(huge_block, count)
#define ROOT_FIELDS_meta_arena(X)                                                                  \
    X(meta_arena, start)                                                                           \
    X(meta_arena, at)                                                                              \
    X(meta_arena, present)                                                                         \
    X(meta_arena, mapped)                                                                          \
    X(meta_arena, end)                                                                             \
    X(meta_arena, used)
#define ROOT_FIELDS_decay_clock(X)                                                                 \
    X(decay_clock, epoch)                                                                          \
    X(decay_clock, purged_bytes)
#define ROOT_FIELDS_size_class(X)                                                                  \
    X(size_class, size)                                                                            \
    X(size_class, blocks)                                                                          \
    X(size_class, slabs)
#define ROOT_FIELDS_batch(X)                                                                       \
    X(batch, next)                                                                                 \
    X(batch, count)                                                                                \
    X(batch, blocks)
#define ROOT_FIELDS_depot(X)                                                                       \
    X(depot, batches)                                                                              \
    X(depot, traffic)
#define ROOT_FIELDS_traffic(X)                                                                     \
    X(traffic, refilled)                                                                           \
    X(traffic, flushed)
#define ROOT_FIELDS_pool_traffic(X) X(pool_traffic, traffic)
#define ROOT_FIELDS_span_figures(X)                                                                \
    X(span_figures, refilled)                                                                      \
    X(span_figures, flushed)
#define ROOT_FIELDS_thread_caches(X) X(thread_caches, live)
#define ROOT_FIELDS_thread_cache(X)                                                                \
    X(thread_cache, top)                                                                           \
    X(thread_cache, bottom)                                                                        \
    X(thread_cache, thread_id)                                                                     \
    X(thread_cache, granted)                                                                       \
    X(thread_cache, next)
#define ROOT_FIELDS_request(X)                                                                     \
    X(request, asked)                                                                              \
    X(request, served)                                                                             \
    X(request, value)                                                                              \
    X(request, result)
#define ROOT_FIELDS_requests(X)                                                                    \
    X(requests, is_waiting)                                                                        \
    X(requests, profile_lease)                                                                     \
    X(requests, slots)
#define ROOT_FIELDS_profile(X)                                                                     \
    X(profile, is_on)                                                                              \
    X(profile, interval)                                                                           \
    X(profile, started_ms)                                                                         \
    X(profile, started_at_ms)                                                                      \
    X(profile, stacks)                                                                             \
    X(profile, sites)                                                                              \
    X(profile, samples)                                                                            \
    X(profile, site_slots)                                                                         \
    X(profile, sample_slots)                                                                       \
    X(profile, site_count)                                                                         \
    X(profile, sample_count)                                                                       \
    X(profile, live_bytes)                                                                         \
    X(profile, peak_bytes)                                                                         \
    X(profile, peak_epoch)                                                                         \
    X(profile, dropped_sites)                                                                      \
    X(profile, dropped_samples)
#define ROOT_FIELDS_profile_site(X)                                                                \
    X(profile_site, stack)                                                                         \
    X(profile_site, label)                                                                         \
    X(profile_site, alloc_count)                                                                   \
    X(profile_site, alloc_bytes)                                                                   \
    X(profile_site, live_count)                                                                    \
    X(profile_site, live_bytes)                                                                    \
    X(profile_site, requested_bytes)                                                               \
    X(profile_site, peak_count)                                                                    \
    X(profile_site, peak_bytes)                                                                    \
    X(profile_site, peak_epoch)                                                                    \
    X(profile_site, lifetimes)
#define ROOT_FIELDS_profile_sample(X)                                                              \
    X(profile_sample, address)                                                                     \
    X(profile_sample, weight_256)                                                                  \
    X(profile_sample, size)                                                                        \
    X(profile_sample, requested)                                                                   \
    X(profile_sample, site)                                                                        \
    X(profile_sample, thread)                                                                      \
    X(profile_sample, at_ms)
#define ROOT_FIELDS_stack_store(X)                                                                 \
    X(stack_store, magic)                                                                          \
    X(stack_store, size)                                                                           \
    X(stack_store, slots)                                                                          \
    X(stack_store, first)                                                                          \
    X(stack_store, used)                                                                           \
    X(stack_store, stacks)                                                                         \
    X(stack_store, dropped_full)                                                                   \
    X(stack_store, dropped_wrong)
#define ROOT_NUMBERS(X)                                                                            \
    X(SLAB_SHIFT)                                                                                  \
    X(SUPERSLAB_SHIFT)                                                                             \
    X(SLAB_MAP_OFFSET)                                                                             \
    X(SLAB_INLINE_WORDS)                                                                           \
    X(SLAB_FREE)                                                                                   \
    X(SLAB_BLOCKS)                                                                                 \
    X(SLAB_ACE)                                                                                    \
    X(SLAB_HUGE)                                                                                   \
    X(SUPERSLAB_FREE)                                                                              \
    X(SUPERSLAB_SLABS)                                                                             \
    X(SUPERSLAB_HUGE)                                                                              \
    X(SUPERSLAB_FIXED)                                                                             \
    X(CLASS_COUNT)                                                                                 \
    X(CLASS_TINY_LAST)                                                                             \
    X(CLASS_POOL_LAST)                                                                             \
    X(CLASS_ACE_LAST)                                                                              \
    X(CLASS_HUGE)                                                                                  \
    X(BATCH_BLOCKS)                                                                                \
    X(BIN_SLOTS_MAX)                                                                               \
    X(LANE_HUGE_MIN)                                                                               \
    X(HAK_FB_COUNT)

#define ROOT_FIELD(tag, field) (uint32_t) offsetof(struct tag, field),
#define ROOT_STRUCT(tag) (uint32_t)sizeof(struct tag), ROOT_FIELDS_##tag(ROOT_FIELD)
#define ROOT_NUMBER(number) (uint32_t)(number),
/* The initializer of `layout`. */
#define ROOT_LAYOUT                                                                                \
    {                                                                                              \
        ROOT_STRUCTS(ROOT_STRUCT) ROOT_NUMBERS(ROOT_NUMBER) sizeof(struct settings)                \
    }

enum {
#define ROOT_ONE(...) +1
#define ROOT_SOME(tag) ROOT_ONE(tag) ROOT_FIELDS_##tag(ROOT_ONE)
    ROOT_LAYOUT_COUNT = ROOT_STRUCTS(ROOT_SOME) ROOT_NUMBERS(ROOT_ONE) + 1
#undef ROOT_SOME
#undef ROOT_ONE
};

/* The names of the settings, in the order of the table. */
#define ROOT_SETTING_NAME(field, name, kind, initial, min, max, help) name ","
#define ROOT_SETTING_NAMES HAK_SETTINGS(ROOT_SETTING_NAME)

/* Purpose: the part by which a root is recognized, and which says whether the rest can be read.
 * Invariant: the same in every build, for ever. */
struct root_head {
    char magic[16];
    uint32_t version; /* ROOT_VERSION */
    uint32_t size;    /* sizeof(struct root) */
    const void *self;
    char library_version[16];
};
_Static_assert(sizeof(ROOT_MAGIC) == 16, "the magic fills its place");

/* Purpose: the start of all reading. Owner: none; constant after relocation. */
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
    const struct span_figures *span_figures; /* for the classes above CLASS_POOL_LAST */
    const struct thread_caches *thread_caches;
    const uint64_t *fb_counts;
    const struct profile *profile;
    /* the bounds of the allocator's static data (state_data): a pointer there does not make a
     * program's block reachable */
    const char *state_start;
    const char *state_end;
    struct requests *request; /* the command writes only here, and the top bytes of bins' bottoms */
};
extern const struct root hakmem_root;

#endif
