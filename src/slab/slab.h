/* SPDX-License-Identifier: MIT */
/*
 * The slab layer: address space. The reservation is cut into superslabs (2 MiB), and these into
 * slabs (64 KiB). Lanes take runs of slabs inside one superslab, or ranges of whole superslabs, and
 * give them back. A free slab that still has pages is warm; it stays warm until it decays.
 *
 * This header has the reservation, the slab map and the records, which every layer above uses. Each
 * module has a header of its own.
 *
 * Layout of the reservation, from its base:
 *   struct reservation | slab map: one byte a slab | superslab table | taken bitmap | metadata |
 *   superslabs ...
 * The head and the superslabs are mapped only as far as they are used, so that the reservation does
 * not count toward a limit on address space. Where address space is rationed (RLIMIT_AS,
 * RLIMIT_DATA, strict overcommit) superslabs are unmapped as soon as they are free.
 *
 * Locks, outermost first: decay lock, lane locks, superslab lock, meta lock. Each file calls only
 * files on its own line of this list, or on a line above it:
 *   meta.c decay.c       memory for records; the clock of decay, and its lock
 *   space.c              which slabs are free, warm, taken
 *   room.c warm_bound.c  how much may come into use; how much may stay warm
 *   reservation.c        the reservation and its tables
 *   mapping.c            which superslabs are mapped, and in which mappings
 *   attributes.c tail.c  programs' changes to mappings, undone; slabs behind a Huge block
 *   superslab.c          ranges of superslabs, and fresh ones
 *   slab_run.c huge_page.c  runs of slabs; huge pages
 *   purge.c              purges warm slabs that are old
 *   drain.c              purges warm slabs that are too many
 *   slab_check.c slab_fork.c  figures and checks; what a child of fork corrects
 */
#ifndef HAK_SLAB_SLAB_H
#define HAK_SLAB_SLAB_H

#include "os/os.h"

/* ---- the reservation and the slab map ---- */

/* Purpose: the first page of the reservation. The front layer owns `front`, which reads as zero: it
 * is an empty thread cache. `size` is the reach of the tables in bytes from the base. It only
 * grows; it is 0 until the reservation exists, so that every pointer is foreign before. Invariant:
 * the slab map and the superslab table are mapped for all superslabs that lie below `size`. */
struct reservation {
    unsigned char front[RESERVATION_FRONT_BYTES];
    size_t size;
    struct superslab *superslabs; /* the table, indexed by (address - base) >> SUPERSLAB_SHIFT */
};
_Static_assert(sizeof(struct reservation) <= SLAB_MAP_OFFSET, "the slab map follows");

/* Never NULL: it points to a static, zero reservation until the real one exists. */
extern struct reservation *reservation __attribute__((visibility("hidden")));

/* A thread may read through the pointer without a barrier. The data was written before the pointer
 * was published, and the address dependency orders the two on every processor that Linux runs
 * on. */
static always_inline struct reservation *reservation_get(void)
{
    return word_load(&reservation);
}

/* Offset of a pointer from the base. It is at least `size` for a pointer that is not inside. */
static always_inline size_t reservation_offset(const struct reservation *base, const void *pointer)
{
    return (size_t)((uintptr_t)pointer - (uintptr_t)base);
}

static always_inline uint8_t *slab_map_at(struct reservation *base, size_t offset)
{
    return (uint8_t *)base + SLAB_MAP_OFFSET + (offset >> SLAB_SHIFT);
}

/* The class byte of the slab at `offset`; 0: no block starts here. No barrier is needed: the owner
 * of a block got it from a thread that wrote the byte before it handed the block out. */
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
 * Purpose: the record of a run of slabs, kept away from the run. It is the record of the run's
 * first slab, the head; the records of the other slabs only say how far away the head is. Owner:
 * the lane that took the run, under the lane's lock.
 */
struct slab {
    struct slab *next; /* links of a list that the lane chooses */
    struct slab *prev;
    char *start;
    void *owner;       /* the pool or the span list that the run belongs to */
    size_t size;       /* bytes of a block */
    uint16_t resident; /* leading pages assumed present; a wrong value costs faults */
    uint8_t size_class;
    uint8_t state;
    uint8_t head_delta; /* distance to the head's record, in slabs */
    uint8_t slab_count;
    uint8_t list;                   /* the number of the lane's list */
    uint8_t age;                    /* an epoch that the lane chooses */
    uint64_t lane[SLAB_LANE_WORDS]; /* fields of the lane: pool_slab.h, huge.h */
};
_Static_assert(sizeof(struct slab) == 128, "two cache lines; metadata stays under 1 %");

enum superslab_state {
    SUPERSLAB_FREE, /* no pages, or part of a range taken whole if its `taken` bit is set */
    SUPERSLAB_SLABS,
    SUPERSLAB_HUGE, /* in a range taken whole: its first, its last, and those used before */
    SUPERSLAB_FIXED /* set aside: the program has a mapping there, or the addresses are lost */
};

/* Purpose: one superslab. Owner: the superslab lock. Invariant while state is SUPERSLAB_SLABS: a
 * bit in `warm` says that the slab is free and may have pages, so warm is a subset of free; run[]
 * are the lengths of the longest runs of ones, and name the lists it is in. While state is
 * SUPERSLAB_HUGE, `warm` and `zero` keep the state of the slabs when the range was taken, and
 * `free` has the slabs behind the block (tail.c). A bit in `purged` says that the slab has had no
 * pages since `age`. */
struct superslab {
    uint32_t free;
    uint32_t warm;
    uint32_t zero;      /* warm slabs that were never written to */
    uint32_t purged;    /* slabs purged because of the bound, not of their age */
    uint32_t doubted;   /* free slabs whose last owner may have changed their mapping */
    uint32_t pooled;    /* slabs in use by the pools; also read without the lock */
    struct slab *slabs; /* the records, made at first use; zeroed when cold */
    struct superslab *next[2];
    struct superslab *prev[2];
    uint8_t state;
    uint8_t run[2];                   /* longest run, by enum run_kind */
    bool is_moved;                    /* pages were moved in: a mapping of its own */
    uint8_t age[SLABS_PER_SUPERSLAB]; /* epoch in which the slab became warm, or was purged */
    bool is_seam;                     /* a mapping begins here because of moved pages: mapping.c */
    bool is_huge_page; /* may be one huge page: it is purged in one call while all slabs are warm */
    bool is_kept;      /* free, but mapped and zero: unmapping was refused (rationed) */
};
_Static_assert(sizeof(struct superslab) <= 104, "the table is 1/20,000 of the address space");

/* The record of the run that covers a pointer into a superslab that was used. NULL if no run was
 * ever there. */
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

/* The same for any pointer. reservation.c */
struct slab *slab_find_any(const void *pointer);
/* How far up the heap has been: superslabs from the first to the highest ever used. space.c */
size_t space_peak_superslabs(void);

#endif
