/* SPDX-License-Identifier: MIT */
/*
 * The lanes: Tiny [0, 1024], Pool [1025, 52 KiB], ACE (52 KiB, 2 MiB], Huge above. The size classes
 * of the first three, and the same verbs for each lane: take, give, usable, resize. Tiny and Pool
 * are the shared pool: slabs cut into blocks of one class, and above them, per class, a depot of
 * full batches. An ACE span is a run of slabs, a Huge block a range of superslabs.
 *
 * Locks: class lock -> slab layer. The lanes never see each other.
 */
#ifndef HAK_LANE_LANE_H
#define HAK_LANE_LANE_H

#include "slab/slab.h"

/* ---- size classes: 16-byte steps to 128, then 8 a doubling ---- */

#define CLASS_NONE 0 /* in the slab map: no block starts here */
#define CLASS_FIRST 1
#define CLASS_LINE_LAST 3 /* the last one of blocks smaller than a cache line */
#define CLASS_TINY_LAST 32
#define CLASS_POOL_LAST 77
#define CLASS_ACE_LAST 120
#define CLASS_HUGE 121  /* in the slab map: a Huge block */
#define CLASS_OWNED 122 /* in the slab map: a block of a first-class heap; its record says more */
#define CLASS_PAGED 123 /* in the slab map: a span whose owner asked for whole pages */
#define CLASS_COUNT 124

/* Purpose: one size class; immutable. Invariant: blocks * size <= slabs * SLAB_SIZE, and
 * offset / size == offset * reciprocal >> RECIPROCAL_SHIFT for every offset in the run. */
struct size_class {
    uint64_t reciprocal;
    uint32_t size;   /* bytes */
    uint16_t blocks; /* in a run */
    uint8_t slabs;   /* in a run */
};
#define RECIPROCAL_SHIFT 40

extern const struct size_class size_classes[CLASS_COUNT];

/* The class of a size from LANE_POOL_MIN to LANE_ACE_MAX (right from 129 up). */
static always_inline unsigned size_class_of_large(size_t size)
{
    /* 8 classes a doubling: the three bits below the highest number them */
    unsigned shift = highest_bit(size - 1) - 3;
    return (unsigned)((size - 1) >> shift) + shift * 8 - 31;
}

/* The class of a size from 0 to LANE_ACE_MAX. */
static always_inline unsigned size_class_of(size_t size)
{
    if (size <= 128)
        return size <= 16 ? CLASS_FIRST : (unsigned)((size + 15) >> 4);
    return size_class_of_large(size);
}

/* Blocks that make up the smallest whole number of cache lines; 1 for blocks of a line or more. */
static inline unsigned line_blocks(size_t size)
{
    return size >= CACHE_LINE ? 1 : size == CACHE_LINE / 2 ? 2 : 4;
}

static always_inline bool is_block_class(unsigned size_class)
{
    return size_class >= CLASS_FIRST && size_class <= CLASS_POOL_LAST;
}

static always_inline bool is_span_class(unsigned size_class)
{
    return size_class > CLASS_POOL_LAST && size_class <= CLASS_ACE_LAST;
}

/* ---- what is wrong with a pointer ---- */

enum fault { FAULT_NONE, FAULT_DOUBLE_FREE, FAULT_NOT_START };

/* Purpose: the verdict on a pointer that somebody wants to give back. */
struct verdict {
    enum fault fault;
    const void *block;
    size_t size; /* of the block it is in, 0 if unknown */
};

/* ---- what passes between threads' caches and the lanes ---- */

/* Purpose: blocks of one class that caches took from below, and gave back, since the start; what a
 * cache serves by itself never comes here. Owner: the lock of what it is counted for. */
struct traffic {
    uint64_t taken;
    uint64_t given;
};

/* ---- shared_pool.c: Tiny and Pool ---- */

/* Slabs are listed by how full they are: fullest are used first, so that the emptiest drain. */
#define POOL_LISTS 5
#define POOL_LIST_FULL (POOL_LISTS - 1)

/* Purpose: the slabs of one class in one pool. Owner: lock. Invariant: a slab is in lists[n] with
 * n == its `list`; POOL_LIST_FULL holds those with no free block. */
struct pool_class {
    _Alignas(CACHE_LINE) struct lock lock;
    uint32_t slab_count;
    bool is_touched;   /* blocks were taken since the last pool_trim */
    bool is_dirty;     /* some slab is */
    uint8_t walk;      /* 1 + the list that a walk of idle_pages.c is at; 0 is none */
    struct slab *scan; /* the next that it looks at */
    struct slab *lists[POOL_LISTS];
};

/* Purpose: one pool: the process's, or a first-class heap's. Invariant: is_dirty is set after a
 * class's, and cleared before they are looked at. */
struct pool {
    struct pool_class classes[CLASS_POOL_LAST + 1];
    unsigned map_byte; /* CLASS_OWNED, or 0: blocks' slabs carry their class */
    _Atomic bool is_dirty;
    _Atomic unsigned at; /* of pool_age_on: twice the class, 1 more when begun there; 0 is none */
};
extern struct pool shared_pool;

/* Purpose: the traffic of one class of the shared pool, past the depot. Owner: the class lock. Not
 * in struct pool_class, which fills a line and which each first-class heap has. */
struct pool_traffic {
    _Alignas(CACHE_LINE) struct traffic traffic;
};
extern struct pool_traffic pool_traffic[CLASS_POOL_LAST + 1];

/* Take up to `want` blocks of one slab, lowest address first; of blocks smaller than a cache line
 * those of whole lines come before others. Returns how many, at least one: 0 when out of memory. */
unsigned pool_take(struct pool *pool, unsigned size_class, void **blocks, unsigned want);
/* Give blocks of one class back. The first that is at fault stops it: those before are given. */
struct verdict pool_give(struct pool *pool, unsigned size_class, void *const *blocks,
                         unsigned count);
/* The same to the shared pool, of blocks that a cache has given to the depot: no traffic. */
struct verdict pool_give_idle(unsigned size_class, void *const *blocks, unsigned count);
/* Would pool_give take these blocks? Changes nothing. */
struct verdict pool_judge(struct pool *pool, unsigned size_class, void *const *blocks,
                          unsigned count);
/* Does a block of this class, a span too, start at `block`, whose slab is of the class? Takes no
 * lock: for a block that the caller holds, the answer cannot change meanwhile. */
static always_inline bool pool_is_start(unsigned size_class, const void *block)
{
    const struct size_class *row = &size_classes[size_class];
    size_t offset = (size_t)((const char *)block - slab_find(block)->start);
    size_t index = offset * row->reciprocal >> RECIPROCAL_SHIFT;
    return offset == index * row->size && index < row->blocks;
}
/* Purpose: figures of one class of a pool. */
struct pool_figures {
    size_t slabs;
    size_t blocks_out;      /* in use or in caches */
    size_t blocks_free;     /* in slabs */
    struct traffic traffic; /* of the shared pool alone */
};
/* Add the figures of a class to *figures. */
void pool_count(struct pool *pool, unsigned size_class, struct pool_figures *figures);
/* Recount each slab's invariants; the number of faults, each reported in a line. pool_check.c */
unsigned pool_check(struct pool *pool);
/* The list in which a slab belongs. */
unsigned pool_list_of(const struct slab *slab);
/* Give the empty slab back that a class may have kept, if no block was taken since the last call,
 * or in any case (`all`). No lock may be held. */
void pool_trim(struct pool *pool, unsigned size_class, bool all);
/* Might there be one? Cheap, without the lock. */
static inline bool pool_may_trim(const struct pool *pool, unsigned size_class)
{
    return word_load(&pool->classes[size_class].lists[0]) != NULL;
}
/* Give every slab of a pool back, whatever is in use; the pool is empty then, and usable. A walk of
 * pool_purge_idle that is under way may go on. No lock may be held. */
void pool_destroy(struct pool *pool);

/* ---- idle_pages.c: pages of free blocks in slabs that are partly used ---- */

/* Purge whole free pages of slabs from which nothing was taken, and in which blocks have been free,
 * for `min_age` epochs. Returns the bytes; *is_pending becomes true if some slab is too young, or
 * the kernel has refused one: that has its next turn when it has been left alone once more. No lock
 * may be held. */
size_t pool_purge_idle(struct pool *pool, unsigned min_age, bool *is_pending);

/* The same in parts, for slow paths: begin a walk if there is reason to, and if none is under way;
 * and go on with it, as far as *effort lasts, which is lessened: a look at 32 slabs is 1, a slab
 * purged 4 more. True at its end. */
void pool_age_begin(struct pool *pool);
bool pool_age_on(struct pool *pool, unsigned min_age, size_t *effort);

/* ---- collapse.c: classes whose blocks are being freed ---- */

/* Is the class giving up its memory? Then blocks that are freed are to go to its slabs. */
bool collapse_is_on(unsigned size_class);
/* The work that a flush of such a class does: a batch of the depot and a few slabs' free pages go
 * back. The verdict on the first block at fault. No lock may be held. */
struct verdict collapse_pay(unsigned size_class);

/* ---- depot.c: full batches above the shared pool ---- */

/* Take a batch of a class, or as many of it as are wanted (1..BATCH_BLOCKS); 0: there is none. */
unsigned depot_take(unsigned size_class, void **blocks, unsigned want);
/* Leave a batch of 1..BATCH_BLOCKS blocks. False when the depot has enough: bytes_max, or one. */
bool depot_give(unsigned size_class, void *const *blocks, unsigned count, size_t bytes_max);
/* Flush batches not needed since the last call, or all, to the slabs. The first block at fault. */
struct verdict depot_trim(bool all);
/* A part of depot_trim(false), at class *at, which is 0 at the end; and one batch of a class. */
struct verdict depot_trim_on(unsigned *at);
struct verdict depot_give_back(unsigned size_class);
/* Blocks of a class that lie in the depot. */
size_t depot_count(unsigned size_class);
/* Blocks of a class that came into the depot and left it, but for those trimmed. */
struct traffic depot_traffic(unsigned size_class);
/* Check that the depots' blocks are where they should be; the number of faults. */
unsigned depot_check(void);

/* ---- spans: ACE and Huge ---- */

/* Purpose: the spans of one first-class heap. Owner: lock. */
struct span_list {
    struct lock lock;
    struct slab *first;
};

/* A span for the class; *is_zero as superslab_range_take. `list` is NULL for the process's. */
void *ace_take(unsigned size_class, struct span_list *list, bool *is_zero);
/* block must be the start of a live span. */
void ace_give(void *block);
/* Resize in place to another ACE class. False when it cannot. */
bool ace_resize(void *block, unsigned size_class);
/* Undo what its owner did to the mapping of its pages. */
void ace_make_plain(struct slab *slab);

/* size > 0; alignment a power of two. */
void *huge_take(size_t size, size_t alignment, struct span_list *list, bool *is_zero);
void huge_give(void *block);
/* Resize, moving pages if need be. NULL: nothing has changed. */
void *huge_resize(void *block, size_t size);
/* Zero a block just taken that is not zero. */
void huge_zero(void *block);
/* Usable bytes that a Huge block of this size has; 0 when there can be no such block. */
size_t huge_good_size(size_t size);

/* Purpose: spans of one ACE class, or Huge blocks; of the process and of first-class heaps. An ACE
 * span that is resized in place ends in one class and begins in another. Invariant: what was taken
 * and not given is live, or in a bin. */
struct span_figures {
    _Atomic uint64_t taken;
    _Atomic uint64_t given;
};
#define SPAN_CLASSES (CLASS_HUGE - CLASS_POOL_LAST)
/* Of the classes above CLASS_POOL_LAST up to CLASS_HUGE. */
extern struct span_figures span_figures[SPAN_CLASSES];
/* Bytes of all live Huge blocks. */
extern _Atomic size_t huge_bytes;

static inline struct span_figures *span_figures_of(unsigned size_class)
{
    return &span_figures[size_class - CLASS_POOL_LAST - 1];
}

/* A figure only, on slow paths; a reader that sees a span given has seen it taken. */
static inline void span_count_taken(unsigned size_class)
{
    atomic_fetch_add_explicit(&span_figures_of(size_class)->taken, 1, memory_order_relaxed);
}

static inline void span_count_given(unsigned size_class)
{
    atomic_fetch_add_explicit(&span_figures_of(size_class)->given, 1, memory_order_release);
}

/* span_list.c: the traffic of a class of spans so far. */
struct traffic span_traffic(unsigned size_class);
/* Bytes of all spans, ACE and Huge, that have left their lanes. */
size_t span_bytes(void);
/* Join and leave the list of a first-class heap; NULL lists are allowed. */
void span_list_add(struct span_list *list, struct slab *slab);
void span_list_remove(struct slab *slab);

/* Bytes [0, bytes) of a span just taken are about to be written by us. Of a Huge block also. */
void ace_make_present(void *block, size_t bytes);
void huge_make_present(void *block, size_t bytes);

/* ---- density.c: which sizes of spans are written through ---- */

/* A fresh span of a size (above LANE_POOL_MAX) is handed out: will it be written through? False
 * also for one that is watched from now on in order to know. */
bool density_expect(char *start, size_t size);
/* What the last watched span of that size said, or the others if none was. */
bool density_is_expected(size_t size);
/* A live span ends, or changes its size. */
void density_end(const char *start, size_t size);
/* Is nearly all of [start, +size) present? */
bool density_is_written(char *start, size_t size);
/* fork: the lock of the table, inside those of the classes. */
extern struct lock density_lock;

#endif
