/* SPDX-License-Identifier: MIT */
/*
 * Owns the marks of slabs that have sampled blocks. While a slab has one, its byte in the slab map
 * is CLASS_SAMPLED, so frees into this slab, and no others, come to the slow path. There the mark
 * tells whether the freed block is sampled. A mark is one word: the size class of the slab, and the
 * place of its only sampled block, or the number of its sampled blocks. May never change a mark
 * without the profile's lock.
 */
#include "watch/marks.h"

#include "slab/reservation.h"
#include "slab/slab.h"

/* Purpose: the table of marks, with open addressing, by slab. Owner: the profile's lock; words are
 * also read without it. Invariant: at most half of the slots are in use. */
static state_data struct {
    _Atomic uint64_t *words; /* of struct mark */
    uint32_t slots;          /* a power of two */
} marks;

/* Purpose: the mark of a slab that has sampled blocks. `number` is the slab's number in the
 * reservation plus 1. `value` is the size class, and a place or a count. */
struct mark {
    uint32_t number; /* 0: an empty slot */
    uint32_t value;
};

#define MARK_IS_MANY (UINT32_C(1) << 31)
#define MARK_CLASS_SHIFT 16
/* The bits of `value` for the number of sampled blocks (with MARK_IS_MANY), or for the place of the
 * only one, in units of BLOCK_ALIGN. */
#define MARK_VALUE ((UINT32_C(1) << MARK_CLASS_SHIFT) - 1)

static struct reservation *block_offset(const void *block, size_t *offset)
{
    struct reservation *base = reservation_get();
    *offset = reservation_offset(base, block);
    return base;
}

static uint32_t slab_number(size_t offset)
{
    return (uint32_t)(offset >> SLAB_SHIFT) + 1;
}

static uint32_t place_in_slab(size_t offset)
{
    return (uint32_t)(offset % SLAB_SIZE / BLOCK_ALIGN);
}

void marks_make(void *memory, uint32_t slots)
{
    marks.words = (_Atomic uint64_t *)memory;
    marks.slots = slots;
}

/* relaxed: the thread that frees a block got it from the thread that allocated it. So it sees the
 * mark that was set before the block was handed out, or a later one. */
static struct mark mark_at(size_t index)
{
    uint64_t word = atomic_load_explicit(&marks.words[index], memory_order_relaxed);
    return (struct mark){(uint32_t)(word >> 32), (uint32_t)word};
}

static void set_mark(size_t index, struct mark mark)
{
    atomic_store_explicit(&marks.words[index], (uint64_t)mark.number << 32 | mark.value,
                          memory_order_relaxed);
}

/* Where the search for a slab's mark begins: neighbours lie side by side, in few pages. */
static size_t first_slot(uint32_t number)
{
    return number & (marks.slots - 1);
}

/* The slot of a slab's mark, or the empty slot where it would be. A caller without the lock may
 * miss a mark that is being moved. */
static size_t mark_index(uint32_t number)
{
    size_t index = first_slot(number);
    for (uint32_t found = mark_at(index).number; found != 0 && found != number;
         found = mark_at(index).number)
        index = (index + 1) & (marks.slots - 1);
    return index;
}

/* Empty a slot, and move later marks into the gap: an empty slot must not cut the way from a mark's
 * first slot to the mark. */
static void remove_mark_locked(size_t gap)
{
    uint32_t last = marks.slots - 1;
    for (size_t at = (gap + 1) & last; mark_at(at).number != 0; at = (at + 1) & last) {
        size_t home = first_slot(mark_at(at).number);
        if (((at - home) & last) < ((at - gap) & last))
            continue;
        set_mark(gap, mark_at(at));
        gap = at;
    }
    set_mark(gap, (struct mark){0, 0});
}

static unsigned map_byte_of(const void *block)
{
    size_t offset;
    struct reservation *base = block_offset(block, &offset);
    return slab_map_get(base, offset);
}

bool marks_rule_out(const void *block)
{
    unsigned byte = map_byte_of(block);
    return byte >= CLASS_FIRST && byte <= CLASS_ACE_LAST;
}

static void set_byte(const struct slab *slab, unsigned byte)
{
    slab_map_set(slab->start, slab->state == SLAB_BLOCKS ? slab->slab_count : 1, byte);
}

/* A slab whose byte names no class needs no mark: its frees come to the slow path in any case. */
void marks_add(const void *block)
{
    size_t offset;
    struct reservation *base = block_offset(block, &offset);
    unsigned byte = slab_map_get(base, offset);
    if (byte > CLASS_ACE_LAST && byte != CLASS_SAMPLED)
        return;
    struct slab *slab = slab_find(block);
    uint32_t size_class = (uint32_t)slab->size_class << MARK_CLASS_SHIFT;
    size_t start;
    block_offset(slab->start, &start);
    size_t index = mark_index(slab_number(start));
    uint32_t value = mark_at(index).value;
    if (value == 0)
        value = (slab->slab_count > 1 ? MARK_IS_MANY | 1 : place_in_slab(offset)) | size_class;
    else
        value = (value & MARK_IS_MANY) ? value + 1 : (MARK_IS_MANY | size_class | 2);
    set_mark(index, (struct mark){slab_number(start), value});
    if (byte != CLASS_SAMPLED)
        set_byte(slab, CLASS_SAMPLED);
}

/* Set the bytes of a slab in the slab map back to its class. The byte of the sampled block is the
 * last one, and the slab is not read after it: from then on a free of the block takes the fast
 * path, and the slab may be used for another class. */
static void restore_bytes(const struct slab *slab, const void *block)
{
    const char *start = slab->start;
    unsigned byte = slab->size_class;
    unsigned count = slab->state == SLAB_BLOCKS ? slab->slab_count : 1;
    unsigned own = (unsigned)((size_t)((const char *)block - start) >> SLAB_SHIFT);
    slab_map_set(start, own, byte);
    slab_map_set(start + (own + 1) * SLAB_SIZE, count - own - 1, byte);
    size_t offset;
    struct reservation *base = block_offset(block, &offset);
    /* release: the other bytes are written before */
    __atomic_store_n(slab_map_at(base, offset), (uint8_t)byte, __ATOMIC_RELEASE);
}

void marks_remove(const void *block)
{
    struct slab *slab = slab_find(block);
    size_t start;
    block_offset(slab->start, &start);
    size_t index = mark_index(slab_number(start));
    struct mark mark = mark_at(index);
    if (mark.number == 0)
        return;
    if ((mark.value & MARK_IS_MANY) && (mark.value & MARK_VALUE) > 1) {
        mark.value--;
        set_mark(index, mark);
        return;
    }
    remove_mark_locked(index);
    /* if the end of the sample was missed, the address may belong to another slab by now */
    if (map_byte_of(block) == CLASS_SAMPLED)
        restore_bytes(slab, block);
}

unsigned marks_class_beside(const void *block, bool *is_sure)
{
    size_t offset;
    struct reservation *base = block_offset(block, &offset);
    if (offset >= base->size || slab_map_get(base, offset) != CLASS_SAMPLED)
        return CLASS_NONE;
    uint32_t number = slab_number(offset);
    /* compared again below: another thread may have moved another slab's mark here meanwhile */
    struct mark mark = mark_at(mark_index(number));
    *is_sure = !(mark.value & MARK_IS_MANY);
    bool is_sample = *is_sure && (mark.value & MARK_VALUE) == place_in_slab(offset);
    return mark.number != number || is_sample ? CLASS_NONE
                                              : mark.value >> MARK_CLASS_SHIFT & UINT8_MAX;
}
