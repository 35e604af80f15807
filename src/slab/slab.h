/* SPDX-License-Identifier: MIT */
/*
 * The slab layer: address space. One reservation is cut into superslabs (2 MiB), these into slabs
 * (64 KiB). Lanes take runs of slabs inside one superslab, or ranges of whole superslabs, and give
 * them back; what is given back stays backed by pages (the warm pool) until it decays.
 *
 * Layout of the reservation, from its base:
 *   struct reservation | slab map: one byte a slab | superslab table | taken bitmap | metadata |
 *   superslabs ...
 * These are addresses only. Each part is mapped as far as it is used, so that the reservation
 * counts for no limit. Where address space is rationed (RLIMIT_AS, strict overcommit) superslabs
 * are unmapped as soon as they are free.
 *
 * Locks: decay lock -> lane locks -> superslab lock -> meta lock. Nothing is called upward.
 */
#ifndef HAK_SLAB_SLAB_H
#define HAK_SLAB_SLAB_H

#include "slab/meta.h"

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

enum slab_state { SLAB_FREE, SLAB_BLOCKS, SLAB_SPAN, SLAB_HUGE };

#define SLAB_INLINE_WORDS 7

/*
 * Purpose: the out-of-line record of a run of slabs; of its first slab, that is: the others of the
 * run only say how far the head is. Owner: the lane that took the run, under its lock.
 * Invariant (SLAB_BLOCKS): free_count == number of set bits in bits[0 .. block_count), none of them
 * in a word below low_word; blocks at or above `carved` have never been handed out.
 */
struct slab {
    struct slab *next; /* a list of the lane's choice */
    struct slab *prev;
    char *start;
    void *owner;    /* the pool it belongs to: lane/lane.h */
    size_t size;    /* bytes of a block (SLAB_BLOCKS) or of the whole span */
    uint64_t *bits; /* 1 = block is free here, not in any cache; inline_bits or metadata */
    uint16_t block_count;
    uint16_t free_count;
    uint16_t carved;
    uint16_t resident; /* leading pages of the run believed to be present; wrong costs a fault */
    uint8_t size_class;
    uint8_t state;
    uint8_t head_delta; /* slabs back to the head's record */
    uint8_t slab_count;
    uint8_t list;     /* which of the lane's lists */
    uint8_t low_word; /* no block is free below this word of bits[] */
    uint8_t age;      /* epoch of the last take, or of the first give since the last purge */
    bool is_dirty;    /* blocks came back since the last purge */
    uint64_t absent;  /* parts of the run that were purged and not used since; 64 of them */
    uint64_t inline_bits[SLAB_INLINE_WORDS];
};
_Static_assert(sizeof(struct slab) <= 128, "metadata stays under 1 %");

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
    bool is_seam; /* a mapping begins here, and not in the reservation's course: see moved.c */
    bool is_kept; /* SUPERSLAB_FREE and rationed, but mapped and zero: it could not be unmapped */
};
_Static_assert(sizeof(struct superslab) <= 104, "the table is 1/20,000 of the address space");

/* ---- superslab.c: the reservation and its superslabs ---- */

/* Make the reservation. False when there is no address space now; may be called again. Called once
 * at a time. Until it has succeeded no other function of this layer may be called. */
bool reservation_make(void);
/* In a copy of the process that starts afresh: there is none. */
void reservation_forget(void);
size_t reservation_bytes(void); /* of addresses in the window */
/* Is address space rationed, so that free superslabs must not stay mapped? */
bool reservation_is_rationed(void);
void reservation_review(void); /* has a limit been set meanwhile? No lock may be held */
/* The most superslabs that have been in use: how far up the reservation the heap has been. */
size_t slab_peak_superslabs(void);

/* ---- room.c: how much the front layer's limit allows to be taken into use ---- */

/* So many bytes may be taken into use from now on. Beyond that, slabs that have no pages are
 * refused. Warm slabs, and purged pages of slabs in use, only lessen the rest. Freed memory does
 * not add to it. */
void slab_allow(int64_t bytes);
/* The room that is left; 0 or less when it is time to ask. */
int64_t slab_room(void);
void slab_charge(size_t bytes);
size_t slab_used_bytes(void); /* of slabs that are in use or warm */
bool slab_is_at_limit(void);  /* was something refused since the last slab_allow? */

/* Start of a range of `count` whole, contiguous superslabs; NULL when there is none. *is_zero says
 * that none of its pages has been used. */
char *superslab_range_take(size_t count, bool *is_zero);
/* Take the `count` superslabs that follow a range of `old_count`. False if any is used. */
bool superslab_range_extend(char *start, size_t old_count, size_t count);
/* Give a range back; its first `used` bytes may have pages. */
void superslab_range_give(char *start, size_t count, size_t used);
/* Give a range back all of whose pages are gone (moved, purged). */
void superslab_range_give_cold(char *start, size_t count);
/* May the pages of `count` superslabs be moved elsewhere? They are a mapping of their own there, or
 * several, until they go, and there may not be many. moved.c */
bool superslab_may_move(const char *from, size_t count);
/* That has happened. */
void superslab_range_moved_in(const char *from, char *to, size_t count);
/* The slabs behind the first `bytes` of a range, in its last superslab, are unused: they count as
 * warm where they have pages, and are purged like other warm slabs. They have no pages up to
 * `cold_end`. tail.c */
void superslab_tail_leave(char *start, size_t count, size_t bytes, size_t cold_end);
/* It is the range's again. Before the range is used beyond that end, is given back, or changes. */
void superslab_tail_take_back(char *start, size_t count);
/* Never use the range again: its addresses are lost to us. */
void superslab_range_abandon(char *start, size_t count);
/* Zero those slabs of a range just taken that may have been used before, but for its tail. */
void superslab_range_zero(char *start, size_t bytes);
/* Make bytes [from, to) of a range just taken present: what was warm is believed to be, a superslab
 * that has nothing gets a huge page. */
void superslab_range_populate(char *start, size_t from, size_t to);
/* The record of a block that starts at a superslab's start. NULL when metadata is short. */
struct slab *superslab_first_record(char *start);

/* ---- slab_run.c: runs of slabs within a superslab ---- */

/* A run of `count` (1..32) slabs, warm ones first: its head's record with start, slab_count and
 * resident set, and the other records pointing to it. NULL when out of memory. */
struct slab *slab_run_take(unsigned count, bool *is_zero);
/* Slabs taken since the start; wraps. A clock that runs while the heap grows, or shifts. */
uint32_t slab_turnover(void);
/* Give the run back; its map bytes are cleared. */
void slab_run_give(struct slab *slab);
void slab_run_doubt(struct slab *slab);       /* before: its owner may have changed its mapping */
void slab_run_note_pooled(struct slab *slab); /* it serves blocks of the pools until it is given */
void slab_run_return(struct slab *slab);      /* the same under a lane's lock: nothing decays */
/* Take the slabs that follow until the run is `count` long. False if any is used. */
bool slab_run_extend(struct slab *slab, unsigned count);
void slab_run_shrink(struct slab *slab, unsigned count); /* give those above `count` back */
/* Make pages [0, pages) of the run present as the settings say; resident is brought up to date. */
void slab_run_populate(struct slab *slab, unsigned pages);
/* Purpose: pages that are noted as present and are not yet; size 0 is none. */
struct absent {
    char *start;
    size_t size;
};
/* The same in two steps. The second needs no lock, unless it is by touching: that writes. */
struct absent slab_run_note_present(struct slab *slab, unsigned pages);
void slab_make_present(struct absent absent);

/* Back the superslab of a run by a huge page, if the heap has grown enough for that and nothing
 * else of the superslab is in use or has pages. True when the run is present now. huge_page.c */
bool slab_run_back_huge(struct slab *slab);

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

/* The same for any pointer at all. superslab.c */
struct slab *slab_find_any(const void *pointer);

/* ---- decay.c: the warm pool's end ---- */

/* Begin a new epoch, if it is time, and go on with a bounded part of purging slabs that have been
 * warm for longer than the decay time. Cheap otherwise. No lock may be held. Returns true when a
 * new epoch began: caches above may then age their own. */
bool decay_poll(void);
/* The rest of that purge, at once. */
void decay_purge_due(void);
/* Purge all that is warm. Returns the bytes given back. No lock may be held. */
size_t decay_purge_all(void);
/* The program wishes that so many bytes stay warm: a floor of the bound, below SS_CACHE_MAX. */
void warm_wish(size_t bytes);
uint64_t decay_purged_bytes(void);
/* Pages that were present and are not any more, in bytes: counted between decay_count(true) and
 * decay_count(false) only, since the kernel must be asked. */
void decay_count(bool is_on);
uint64_t decay_returned_bytes(void);
/* The epoch by which warm slabs are dated: a quarter of the decay time. */
#define EPOCHS_PER_DECAY 4
uint8_t decay_epoch(void);
/* Milliseconds to the next epoch, rounded up; at least 1. */
uint64_t decay_ms_to_epoch(void);
/* Are free slabs warm, and may they decay? */
bool decay_is_due(void);
/* Give pages to the kernel, in calls that hold no thread up for long. False when it refuses. */
bool slab_purge(char *start, size_t size);
/* The same under the decay lock, and counted, for memory that others may use meanwhile. */
bool decay_give_pages(char *start, size_t size);
/* Undo what was done to these pages' mapping. True: they were replaced. attributes.c */
bool slab_make_plain(char *start, size_t size);
/* The outermost lock of the layer, before the lanes': held while pages are being purged. A thread
 * that purges much takes it in turn: waiting threads have it first. To try is not to wait. */
void decay_lock(void);
void decay_lock_in_turn(void);
bool decay_try_lock(void);
void decay_unlock(void);

/* ---- warm_bound.c: how much may stay backed by pages while it is free ---- */

/* Partly used slabs have `loose` more bytes of free blocks that are present, and `hollow` more that
 * are present or not. */
void warm_note_loose(ptrdiff_t loose, ptrdiff_t hollow);
/* Is more warm than this many quarters of the bound, free blocks of partly used slabs included? */
bool warm_is_over(unsigned quarters);
/* The pages of this many slabs, purged not long ago because too much was warm, are used again. */
void warm_note_return(size_t slabs);
/* Is too much warm, so that gives pay for it at this moment? drain.c */
bool warm_is_draining(void);

/* ---- slab_check.c: for diag ---- */

/* Purpose: figures of the whole layer. */
struct slab_figures {
    size_t mapped_bytes; /* superslabs in use or warm */
    size_t warm_bytes;
    size_t huge_waste; /* of these: of huge pages, and never handed out */
};
void slab_count(struct slab_figures *figures);
/* Recount the invariants of struct space and struct superslab; the number of faults, each reported
 * in a line. */
unsigned slab_check(void);

/* In a forked child, after the locks: what other threads were doing is not under way. */
void slab_reset_in_child(void);

#endif
