/* SPDX-License-Identifier: MIT */
/*
 * The slab layer: address space. One reservation is cut into superslabs (2 MiB), these into slabs
 * (64 KiB). Lanes take runs of slabs inside one superslab, or ranges of whole superslabs, and give
 * them back; what is given back stays backed by pages (the warm pool) until it decays.
 *
 * This header has what every layer above looks at: the reservation, the slab map, and the records.
 * Each module has a header of its own.
 *
 * Layout of the reservation, from its base:
 *   struct reservation | slab map: one byte a slab | superslab table | taken bitmap | metadata |
 *   superslabs ...
 * These are addresses only. Each part is mapped as far as it is used, so that the reservation
 * counts for no limit. Where address space is rationed (RLIMIT_AS, strict overcommit) superslabs
 * are unmapped as soon as they are free.
 *
 * Locks: decay lock -> lane locks -> superslab lock -> meta lock. Nothing is called upward: each
 * file calls only those above its own line here.
 *   meta.c decay.c       memory for records; the clock of decay, and its lock
 *   space.c              which slabs are free, warm, taken
 *   room.c warm_bound.c  how much may come into use; how much may stay warm
 *   reservation.c        the window and its tables
 *   mapping.c            what of the window is mapped, and how
 *   attributes.c tail.c  what programs did to mappings; slabs behind a Huge block
 *   superslab.c          ranges of superslabs, and fresh ones
 *   slab_run.c huge_page.c  runs of slabs; huge pages
 *   purge.c              warm slabs that are old
 *   drain.c              warm slabs that are too many
 */
#ifndef HAK_SLAB_SLAB_H
#define HAK_SLAB_SLAB_H

#include "os/os.h"

/* ---- the reservation and the slab map ---- */

/* Purpose: the first page of the reservation. `front` belongs to the front layer and reads as zero:
 * it is the empty heap. `size` is how far the tables reach, from the base: it only grows. It is 0
 * until the reservation exists, so every pointer is foreign then.
 * Invariant: the slab map and the superslab table are mapped for all offsets below `size`. */
struct reservation {
    unsigned char front[RESERVATION_FRONT_BYTES];
    size_t size;
    struct superslab *superslabs; /* the table, by (address - base) >> SUPERSLAB_SHIFT */
};
_Static_assert(sizeof(struct reservation) <= SLAB_MAP_OFFSET, "the slab map follows");

/* Never NULL: a static, zero one until the real one exists. */
extern struct reservation *reservation __attribute__((visibility("hidden")));

/* What a thread reads through the pointer was written before it was published, and the address
 * dependency orders the two on every processor Linux runs on. */
static always_inline struct reservation *reservation_get(void)
{
    return word_load(&reservation);
}

/* Offset of a pointer from the base; at least ->size for what is not inside. */
static always_inline size_t reservation_offset(const struct reservation *base, const void *pointer)
{
    return (size_t)((uintptr_t)pointer - (uintptr_t)base);
}

static always_inline uint8_t *slab_map_at(struct reservation *base, size_t offset)
{
    return (uint8_t *)base + SLAB_MAP_OFFSET + (offset >> SLAB_SHIFT);
}

/* The class byte of the slab at `offset`: 0 is 'no block starts here'. Whoever holds a block got it
 * from a thread that wrote the byte before it handed the block out. */
static always_inline unsigned slab_map_get(struct reservation *base, size_t offset)
{
    return word_load(slab_map_at(base, offset));
}

/* Set the bytes of `count` slabs from `start`. */
void slab_map_set(const char *start, unsigned count, unsigned byte);

/* ---- records ---- */

enum slab_state { SLAB_FREE, SLAB_BLOCKS, SLAB_ACE, SLAB_HUGE };

#define SLAB_LANE_WORDS 10

/*
 * Purpose: the out-of-line record of a run of slabs; of its first slab, that is: the others of the
 * run only say how far the head is. Owner: the lane that took the run, under its lock.
 */
struct slab {
    struct slab *next; /* a list of the lane's choice */
    struct slab *prev;
    char *start;
    void *owner;       /* the pool, or the list of spans, that it belongs to */
    size_t size;       /* bytes of a block (SLAB_BLOCKS) or of the whole span */
    uint16_t resident; /* leading pages of the run believed to be present; wrong costs a fault */
    uint8_t size_class;
    uint8_t state;
    uint8_t head_delta; /* slabs back to the head's record */
    uint8_t slab_count;
    uint8_t list;                   /* which of the lane's lists */
    uint8_t age;                    /* an epoch of the lane's choice */
    uint64_t lane[SLAB_LANE_WORDS]; /* what the lane keeps beside: pool_slab.h, huge.h */
};
_Static_assert(sizeof(struct slab) == 128, "two cache lines; metadata stays under 1 %");

enum superslab_state {
    SUPERSLAB_FREE, /* no pages; if its `taken` bit is set, it is part of a range taken whole */
    SUPERSLAB_SLABS,
    SUPERSLAB_HUGE, /* the first of a range taken whole, or another one that had been used before */
    SUPERSLAB_FIXED /* somebody else's mapping */
};

/* Purpose: one superslab. Owner: the superslab lock. Invariant: a bit in `warm` says that the slab
 * is free and may have pages, so warm is a subset of free while state is SUPERSLAB_SLABS;
 * run[] are the longest runs of ones and name the lists it is in. In SUPERSLAB_HUGE `warm` and
 * `zero` say what the slabs were when the range was taken, and `free` are those behind the block
 * (tail.c). A bit in `purged` says that the slab has had no pages since `age`. */
struct superslab {
    uint32_t free;
    uint32_t warm;
    uint32_t zero;      /* of the warm ones, those that were never written to */
    uint32_t purged;    /* because of the bound on warm slabs, not because of their age */
    uint32_t doubted;   /* free since a span's owner may have changed their mapping */
    uint32_t pooled;    /* in use by the pools; also read without the lock */
    struct slab *slabs; /* SLABS_PER_SUPERSLAB records, made at first use; zero again when cold */
    struct superslab *next[2];
    struct superslab *prev[2];
    uint8_t state;
    uint8_t run[2];                   /* longest run: [0] free, [1] warm */
    bool is_moved;                    /* pages were moved in: it is part of another mapping */
    uint8_t age[SLABS_PER_SUPERSLAB]; /* epoch in which a warm slab was given back */
    bool is_seam; /* a mapping begins here, and not in the reservation's course: see mapping.c */
    bool is_huge_page; /* warm, and may be one huge page: it is purged in one call */
    bool is_kept; /* SUPERSLAB_FREE and rationed, but mapped and zero: it could not be unmapped */
};
_Static_assert(sizeof(struct superslab) <= 104, "the table is 1/20,000 of the address space");

/* The record that covers a pointer to where a slab has been; NULL if no run was ever there. */
static inline struct slab *slab_find(const void *pointer)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, pointer);
    struct slab *records = base->superslabs[offset >> SUPERSLAB_SHIFT].slabs;
    if (!records)
        return NULL;
    struct slab *slab = &records[(offset >> SLAB_SHIFT) % SLABS_PER_SUPERSLAB];
    return slab - slab->head_delta;
}

/* The same for any pointer at all. reservation.c */
struct slab *slab_find_any(const void *pointer);
/* The most superslabs that have been in use: how far up the reservation the heap has been.
 * space.c */
size_t space_peak_superslabs(void);

#endif
