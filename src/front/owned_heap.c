/* SPDX-License-Identifier: MIT */
/*
 * Owns the owned heaps. Each has its own pool and its own list of spans, and blocks are taken from
 * them one by one. So to destroy a heap frees whole slabs and spans, without a look at single
 * blocks. May never use a heap that was destroyed or never existed: the handle shows it.
 */
#include "front/owned_heap.h"
#include "front/afresh.h"
#include "front/misuse.h"
#include "watch/profile.h"

/* Purpose: the source of a heap's blocks. Owner: the pool's class locks and the span list's lock.
 * Invariant: if all is zero but the pool's map_byte, the heap has no blocks. */
struct heap_body {
    struct pool pool;
    struct span_list spans;
    _Atomic bool has_samples; /* of the profile, or has had some */
};
/* A body has whole pages, so that the pages of a destroyed heap can go back to the kernel. */
#define BODY_BYTES ((sizeof(struct heap_body) + META_PAGE - 1) / META_PAGE * META_PAGE)

/*
 * Purpose: the record of a heap, which a handle leads to. Owner: owned_heap_lock. The record and
 * its body are never freed: if a heap is destroyed during a visit, the visit finds it empty, or
 * finds another heap in its place. Invariant: the record's address is a multiple of GENERATIONS,
 * and a handle is that address plus `generation`. So the handle tells for which of the heaps that
 * have used this record it was given out.
 */
struct owned_heap {
    const struct owned_heap *self; /* its own address; no other metadata has this here */
    struct heap_body *body;
    struct owned_heap *next; /* in the list of live heaps, or in another list */
    struct owned_heap *prev; /* in the list of live heaps */
    unsigned visitors;       /* visits to this heap: its pages must stay */
    uint8_t generation;      /* heaps destroyed in this record, modulo GENERATIONS */
    bool is_live;
};
#define GENERATIONS 64
_Static_assert(sizeof(struct owned_heap) <= GENERATIONS, "a handle lies in its record");

#define MADE_AT_ONCE 16

/* The most destroyed heaps whose bodies keep their pages, for the next heaps: 512 KiB. */
#define WARM_MAX 64

state_data struct lock owned_heap_lock;

/* Purpose: all owned heaps. Owner: owned_heap_lock, taken before any lock of a lane. */
static state_data struct {
    struct owned_heap *first;
    struct owned_heap *next_visit; /* where a visit continues */
    struct owned_heap *warm;       /* destroyed heaps, the last one first */
    struct owned_heap *cold;  /* destroyed heaps without pages, and bodies that no heap has had */
    struct owned_heap *blank; /* records without a body */
    unsigned warm_count;
    size_t made;
    uintptr_t lowest; /* of all records; up to `highest`, each address can be read */
    uintptr_t highest;
} owned_heaps;

/* ---- handles ---- */

static struct owned_heap *heap_of(const struct hak_heap *handle)
{
    return (struct owned_heap *)align_down((uintptr_t)handle, GENERATIONS);
}

static bool is_record(const struct owned_heap *heap)
{
    return heap && (uintptr_t)heap >= word_load(&owned_heaps.lowest) &&
           (uintptr_t)heap <= word_load(&owned_heaps.highest) && heap->self == heap;
}

/* Is this a record in an abandoned reservation? */
static bool is_left_behind(const struct owned_heap *heap)
{
    return afresh_has(heap) && os_is_readable(heap) && heap->self == heap;
}

static struct hak_heap *handle_of(const struct owned_heap *heap)
{
    return (struct hak_heap *)((uintptr_t)heap + heap->generation);
}

static bool is_live(const struct owned_heap *heap, const struct hak_heap *handle)
{
    return word_load(&heap->is_live) &&
           word_load(&heap->generation) == (uintptr_t)handle % GENERATIONS;
}

/* No lock is needed: the program must not destroy the heap at the same time. */
bool owned_heap_expect(const struct hak_heap *handle, const char *function)
{
    const struct owned_heap *heap = heap_of(handle);
    if (unlikely(!is_record(heap) && is_left_behind(heap)))
        return false;
    if (unlikely(!is_record(heap)))
        log_abort("%s(%p): not a heap from hak_heap_new", function, (const void *)handle);
    if (unlikely(!is_live(heap, handle)))
        log_abort("%s(%p): the heap has been destroyed already", function, (const void *)handle);
    return true;
}

/* ---- a heap's life ---- */

static void link_locked(struct owned_heap *heap)
{
    heap->prev = NULL;
    heap->next = owned_heaps.first;
    if (heap->next)
        heap->next->prev = heap;
    owned_heaps.first = heap;
}

static void unlink_locked(struct owned_heap *heap)
{
    if (owned_heaps.next_visit == heap)
        owned_heaps.next_visit = heap->next;
    if (heap->prev)
        heap->prev->next = heap->next;
    else
        owned_heaps.first = heap->next;
    if (heap->next)
        heap->next->prev = heap->prev;
}

static struct owned_heap *pop_locked(struct owned_heap **list)
{
    struct owned_heap *heap = *list;
    if (heap)
        *list = heap->next;
    return heap;
}

/* Make a page of records. Single records would each leave most of a page unused before the next
 * body. */
static bool make_records_locked(void)
{
    char *page = meta_alloc(META_PAGE);
    if (!page)
        return false;
    if (!owned_heaps.lowest || (uintptr_t)page < owned_heaps.lowest)
        word_store(&owned_heaps.lowest, (uintptr_t)page);
    if ((uintptr_t)page > owned_heaps.highest)
        word_store(&owned_heaps.highest, (uintptr_t)page + META_PAGE - GENERATIONS);
    for (size_t at = META_PAGE; at > 0; at -= GENERATIONS) {
        struct owned_heap *heap = (struct owned_heap *)(page + at - GENERATIONS);
        heap->next = owned_heaps.blank;
        owned_heaps.blank = heap;
    }
    return true;
}

static struct owned_heap *take_record_locked(void)
{
    if (!owned_heaps.blank && !make_records_locked())
        return NULL;
    return pop_locked(&owned_heaps.blank);
}

/* Make new bodies, and put them into the list of cold ones. Their number doubles with the heaps, up
 * to a limit: each piece of metadata that consists of whole pages leaves a part of a page unused
 * before it. */
static void make_locked(void)
{
    unsigned count = (unsigned)min_size(max_size(owned_heaps.made, 1), MADE_AT_ONCE);
    char *bodies = meta_alloc(count * BODY_BYTES);
    if (!bodies)
        return;
    for (unsigned i = count; i-- > 0;) {
        struct owned_heap *heap = take_record_locked();
        if (!heap)
            return;
        heap->body = (struct heap_body *)(bodies + i * BODY_BYTES);
        heap->self = heap;
        heap->next = owned_heaps.cold;
        owned_heaps.cold = heap;
        owned_heaps.made++;
    }
}

struct hak_heap *owned_heap_new(void)
{
    lock_acquire(&owned_heap_lock);
    struct owned_heap *heap = pop_locked(&owned_heaps.warm);
    if (heap)
        owned_heaps.warm_count--;
    else if (!owned_heaps.cold)
        make_locked();
    if (!heap)
        heap = pop_locked(&owned_heaps.cold);
    if (heap) {
        heap->body->pool.map_byte = CLASS_OWNED;
        /* relaxed: whoever allocates from the heap has its handle from here */
        atomic_store_explicit(&heap->body->has_samples, false, memory_order_relaxed);
        word_store(&heap->is_live, true);
        link_locked(heap);
    }
    lock_release(&owned_heap_lock);
    return heap ? handle_of(heap) : NULL;
}

/* ---- its blocks ---- */

struct heap_body *owned_heap_body(const struct hak_heap *handle)
{
    return heap_of(handle)->body;
}

struct heap_body *owned_heap_of(const void *block)
{
    struct slab *slab = slab_find(block);
    size_t offset = slab->state == SLAB_BLOCKS ? offsetof(struct heap_body, pool)
                                               : offsetof(struct heap_body, spans);
    return (struct heap_body *)((char *)slab->owner - offset);
}

struct span_list *owned_heap_spans(struct heap_body *heap)
{
    return &heap->spans;
}

void *owned_heap_take(struct heap_body *heap, unsigned size_class, bool *is_zero)
{
    void *block;
    *is_zero = false;
    if (is_ace_class(size_class))
        return ace_take(size_class, &heap->spans, is_zero);
    return pool_take(&heap->pool, size_class, &block, 1) ? block : NULL;
}

void owned_heap_note_sample(const void *block)
{
    atomic_store_explicit(&owned_heap_of(block)->has_samples, true, memory_order_relaxed);
}

size_t owned_heap_usable(const void *block, const char *function)
{
    struct slab *slab = slab_find(block);
    bool is_start = slab->state == SLAB_BLOCKS ? pool_is_start(slab->size_class, block)
                                               : slab->start == block;
    if (!is_start)
        misuse_report(function, (struct verdict){FAULT_NOT_START, block, slab->size});
    return slab->size;
}

void owned_heap_free(void *block)
{
    struct slab *slab = slab_find(block);
    owned_heap_usable(block, "free");
    if (slab->state == SLAB_HUGE) {
        huge_give(block);
    } else if (slab->state == SLAB_ACE) {
        ace_give(block);
    } else {
        misuse_stop_at_fault(pool_give(slab->owner, slab->size_class, &block, 1));
    }
}

/* ---- its end ---- */

static bool is_block_of(const void *block, const void *body)
{
    struct reservation *base = reservation_get();
    unsigned byte = slab_map_get(base, reservation_offset(base, block));
    return byte == CLASS_OWNED && owned_heap_of(block) == body;
}

static void give_blocks(struct heap_body *body)
{
    /* relaxed: who has allocated from the heap has told the caller, who destroys it. The samples of
     * all heaps are looked through, which takes long. */
    if (atomic_load_explicit(&body->has_samples, memory_order_relaxed))
        profile_forget_each(is_block_of, body);
    pool_destroy(&body->pool);
    while (body->spans.first) {
        struct slab *slab = body->spans.first;
        if (slab->state == SLAB_HUGE)
            huge_give(slab->start);
        else
            ace_give(slab->start);
    }
}

/* If two threads destroy the same heap at the same time, one of them gets NULL. */
static struct owned_heap *end_life(struct hak_heap *handle)
{
    lock_acquire(&owned_heap_lock);
    struct owned_heap *heap = heap_of(handle);
    if (is_live(heap, handle)) {
        unlink_locked(heap);
        word_store(&heap->is_live, false);
        word_store(&heap->generation, (uint8_t)((heap->generation + 1) % GENERATIONS));
    } else {
        heap = NULL;
    }
    lock_release(&owned_heap_lock);
    return heap;
}

/* May the pages of a destroyed heap's body go back to the kernel? */
static bool may_purge_locked(const struct owned_heap *heap)
{
    return owned_heaps.warm_count >= WARM_MAX && heap->visitors == 0 && os_page_size() <= META_PAGE;
}

static void keep_for_next(struct owned_heap *heap, bool is_cold)
{
    lock_acquire(&owned_heap_lock);
    struct owned_heap **list = is_cold ? &owned_heaps.cold : &owned_heaps.warm;
    heap->next = *list;
    *list = heap;
    owned_heaps.warm_count += !is_cold;
    lock_release(&owned_heap_lock);
}

void owned_heap_destroy(struct hak_heap *handle)
{
    if (!owned_heap_expect(handle, "hak_heap_destroy"))
        return;
    struct owned_heap *heap = end_life(handle);
    if (!heap) { /* another thread was faster: end the program */
        owned_heap_expect(handle, "hak_heap_destroy");
        return;
    }
    give_blocks(heap->body);
    /* it is in no list, so no new visit comes */
    lock_acquire(&owned_heap_lock);
    bool is_cold = may_purge_locked(heap);
    lock_release(&owned_heap_lock);
    keep_for_next(heap, is_cold && os_purge(heap->body, BODY_BYTES));
}

/* ---- all heaps ---- */

/* The next heap of a visit; the first call has NULL for `last`. A visit must continue until this
 * returns NULL: it counts the visitors of each heap. */
static struct owned_heap *visit_next(struct owned_heap *last)
{
    lock_acquire(&owned_heap_lock);
    struct owned_heap *heap = last ? owned_heaps.next_visit : owned_heaps.first;
    if (last)
        last->visitors--;
    if (heap) {
        owned_heaps.next_visit = heap->next;
        heap->visitors++;
    }
    lock_release(&owned_heap_lock);
    return heap;
}

size_t owned_heap_purge_idle(unsigned min_age, bool *is_pending)
{
    size_t bytes = 0;
    for (struct owned_heap *heap = NULL; (heap = visit_next(heap)) != NULL;)
        bytes += idle_pages_purge(&heap->body->pool, min_age, is_pending);
    return bytes;
}

void owned_heap_age_begin(void)
{
    lock_acquire(&owned_heap_lock);
    for (struct owned_heap *heap = owned_heaps.first; heap; heap = heap->next)
        idle_pages_begin(&heap->body->pool);
    lock_release(&owned_heap_lock);
}

bool owned_heap_age_on(unsigned min_age, size_t *effort)
{
    bool is_end = true;
    for (struct owned_heap *heap = NULL; (heap = visit_next(heap)) != NULL;)
        is_end = is_end && idle_pages_go_on(&heap->body->pool, min_age, effort);
    return is_end;
}

void owned_heap_count(struct pool_figures figures[CLASS_POOL_LAST + 1])
{
    lock_acquire(&owned_heap_lock);
    for (struct owned_heap *heap = owned_heaps.first; heap; heap = heap->next)
        for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
            pool_count(&heap->body->pool, size_class, &figures[size_class]);
    lock_release(&owned_heap_lock);
}

unsigned owned_heap_check(void)
{
    unsigned faults = 0;
    lock_acquire(&owned_heap_lock);
    for (struct owned_heap *heap = owned_heaps.first; heap; heap = heap->next)
        faults += pool_check(&heap->body->pool);
    lock_release(&owned_heap_lock);
    return faults;
}

/* ---- fork ---- */

static void apply_to_locks(struct heap_body *body, void (*apply)(struct lock *lock))
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
        apply(&body->pool.classes[size_class].lock);
    apply(&body->spans.lock);
}

/* A visit that began before a heap was destroyed may still hold the heap's locks. */
void owned_heap_each_lock(void (*apply)(struct lock *lock))
{
    for (struct owned_heap *heap = owned_heaps.first; heap; heap = heap->next)
        apply_to_locks(heap->body, apply);
    for (struct owned_heap *heap = owned_heaps.warm; heap; heap = heap->next)
        if (heap->visitors > 0)
            apply_to_locks(heap->body, apply);
}

/* The threads that made visits do not exist in the child. */
void owned_heap_reset_in_child(void)
{
    for (struct owned_heap *heap = owned_heaps.first; heap; heap = heap->next)
        heap->visitors = 0;
    for (struct owned_heap *heap = owned_heaps.warm; heap; heap = heap->next)
        heap->visitors = 0;
}
