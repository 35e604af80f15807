/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: the input is a sequence of calls of the allocator (malloc, calloc, realloc,
 * aligned, free, usable size, owned heaps, trim, check), run against a model that knows each
 * live block, its bytes and its neighbours. Wrong alignment, overlapping blocks, lost content,
 * bytes of calloc that are not zero, a heap check that fails, or a NULL that need not be end the
 * run. An act is four bytes: what, which slot, and a number that makes a size. Live bytes are
 * limited, so that a failure is the allocator's and not the machine's.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hakmem/hakmem.h>

#include "../pattern.h"

#define SLOTS 64
#define HEAPS 4
#define LIVE_MAX ((size_t)96 << 20)
#define ACTS_MAX 400 /* what LLVMFuzzerInitialize's length holds */

/* Purpose: one live block. Owner: the model. Invariant: block NULL means nothing else counts. */
struct entry {
    unsigned char *block;
    size_t size;   /* as asked for: these bytes hold the pattern */
    size_t usable; /* no other entry's usable bytes overlap these */
    uint64_t key;
    size_t alignment; /* asked for; 0 when not */
    int heap;         /* -1: ordinary */
};

static struct entry entries[SLOTS];
static struct hak_heap *heaps[HEAPS];
static size_t live_bytes;
static uint64_t act_number;

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "calls.c: act %llu: %s\n", (unsigned long long)act_number, what);
    abort();
}

/* 16 bits to a size: the low bits choose the lane, the rest the place in it, near borders often. */
static size_t size_from(unsigned number)
{
    static const size_t borders[] = {0,     16,    128,    1024,    4096,    8192,
                                     53248, 65536, 106496, 1 << 20, 2 << 20, 3 << 20};
    size_t value = number >> 3;
    switch (number & 7) {
    case 0:
    case 1:
    case 2: return value % 1100;
    case 3: return value * 9 % 60000;
    case 4: return value * 300 % (2200 << 10);
    case 5: return value * 2000 % (9 << 20);
    default: break;
    }
    size_t border = borders[value % (sizeof borders / sizeof borders[0])];
    size_t near = border + (value >> 5) % 5;
    return near < 2 ? near : near - 2;
}

/* ---- the model ---- */

static void check_content(const struct entry *entry, size_t size)
{
    require(pattern_sparse_holds(entry->block, entry->size, size, entry->key),
            "a block lost its content");
}

static size_t occupied(const struct entry *entry)
{
    return entry->usable == 0 ? 1 : entry->usable;
}

static void check_overlap(const struct entry *entry)
{
    for (int i = 0; i < SLOTS; i++) {
        const struct entry *other = &entries[i];
        if (other == entry || other->block == NULL)
            continue;
        require(entry->block + occupied(entry) <= other->block ||
                    other->block + occupied(other) <= entry->block,
                "two live blocks overlap");
    }
}

static void forget(struct entry *entry)
{
    live_bytes -= entry->usable;
    *entry = (struct entry){0};
}

/* A new or moved block enters the model, filled. */
static void remember(struct entry *entry, void *block, size_t size, int heap)
{
    require(((uintptr_t)block & 15) == 0, "a block is not aligned to 16");
    *entry = (struct entry){.block = block, .size = size, .heap = heap};
    entry->usable = hak_usable_size(block);
    require(entry->usable >= size, "the usable size is below the size");
    live_bytes += entry->usable;
    check_overlap(entry);
    entry->key = pattern_key(block, size, act_number);
    pattern_fill_sparse(block, size, entry->key);
    if (entry->usable > size) /* the last usable byte is ours too */
        entry->block[entry->usable - 1] = 0xa5;
}

static bool has_room(size_t size)
{
    return size <= LIVE_MAX && live_bytes + size + size / 4 <= LIVE_MAX;
}

static void release(struct entry *entry, unsigned way)
{
    if (entry->block == NULL)
        return;
    check_content(entry, entry->size);
    errno = 4711;
    if (way % 2 == 0 || entry->heap >= 0)
        hak_free(entry->block);
    else if (entry->alignment != 0)
        hak_free_aligned_sized(entry->block, entry->alignment, entry->size);
    else
        hak_free_sized(entry->block, entry->size);
    require(errno == 4711, "free changed errno");
    forget(entry);
}

/* ---- acts ---- */

static void act_allocate(struct entry *entry, size_t size, int heap)
{
    release(entry, 1);
    if (!has_room(size))
        return;
    void *block = heap >= 0 ? hak_heap_malloc(heaps[heap], size) : hak_malloc(size);
    require(block != NULL, "malloc failed");
    remember(entry, block, size, heap);
    if (heap < 0)
        require(entry->usable == hak_good_size(size), "hak_good_size is not the usable size");
}

static void act_calloc(struct entry *entry, size_t size, int heap)
{
    release(entry, 1);
    if (!has_room(size))
        return;
    size_t unit = size % 8 == 0 ? 8 : 1;
    unsigned char *block = heap >= 0 ? hak_heap_calloc(heaps[heap], size / unit, unit)
                                     : hak_calloc(size / unit, unit);
    require(block != NULL, "calloc failed");
    for (size_t i = 0; i < size; i += i < 8192 ? 1 : 509)
        require(block[i] == 0, "a byte of calloc is not zero");
    remember(entry, block, size, heap);
}

static void act_aligned(struct entry *entry, size_t size, unsigned shift, int heap)
{
    size_t alignment = (size_t)1 << (shift % 22);
    release(entry, 1);
    if (!has_room(size + alignment))
        return;
    void *block = NULL;
    if (heap >= 0)
        block = hak_heap_aligned_alloc(heaps[heap], alignment, size);
    else if (alignment >= sizeof(void *) && size % 2 == 0)
        require(hak_posix_memalign(&block, alignment, size) == 0, "posix_memalign failed");
    else
        block = hak_aligned_alloc(alignment, size);
    require(block != NULL, "aligned_alloc failed");
    require(((uintptr_t)block & (alignment - 1)) == 0, "a block lacks its alignment");
    remember(entry, block, size, heap);
    entry->alignment = alignment;
}

static void act_realloc(struct entry *entry, size_t size)
{
    if (entry->block == NULL) {
        act_allocate(entry, size, -1);
        return;
    }
    if (!has_room(size))
        return;
    check_content(entry, entry->size);
    struct entry old = *entry;
    bool by_heap = old.heap >= 0 && size % 3 == 0;
    void *block = by_heap ? hak_heap_realloc(heaps[old.heap], old.block, size)
                          : hak_realloc(old.block, size);
    forget(entry);
    if (size == 0) {
        require(block == NULL, "realloc to 0 gave a block");
        return;
    }
    require(block != NULL, "realloc failed");
    require(pattern_sparse_holds(block, old.size, size, old.key), "realloc lost content");
    remember(entry, block, size, old.heap);
}

/* Calls that must fail, and leave the block as it was. */
static void act_impossible(struct entry *entry, unsigned number)
{
    size_t size = number % 2 == 0 ? (size_t)PTRDIFF_MAX - number : SIZE_MAX - number;
    void *out = entry;
    errno = 0;
    require(hak_malloc(size) == NULL && errno == ENOMEM, "malloc of the impossible");
    errno = 0;
    require(hak_calloc(size, 3) == NULL && errno == ENOMEM, "calloc of the impossible");
    errno = 0;
    require(hak_aligned_alloc(64, size) == NULL && errno == ENOMEM, "aligned of the impossible");
    errno = 0;
    require(hak_aligned_alloc(48, 100) == NULL && errno == EINVAL, "alignment 48");
    require(hak_posix_memalign(&out, 4, 100) == EINVAL && out == entry, "posix_memalign of 4");
    require(hak_good_size(SIZE_MAX - number) == 0, "hak_good_size of the impossible");
    if (entry->block == NULL)
        return;
    errno = 0;
    require(hak_realloc(entry->block, size) == NULL && errno == ENOMEM, "realloc, impossible");
    check_content(entry, entry->size);
}

/* Make the heap, or destroy it: all its blocks vanish with it, also those that realloc moved. */
static void act_heap(int heap)
{
    if (heaps[heap] == NULL) {
        heaps[heap] = hak_heap_new();
        require(heaps[heap] != NULL, "hak_heap_new failed");
        return;
    }
    for (int i = 0; i < SLOTS; i++) {
        if (entries[i].block == NULL || entries[i].heap != heap)
            continue;
        check_content(&entries[i], entries[i].size);
        forget(&entries[i]);
    }
    hak_heap_destroy(heaps[heap]);
    heaps[heap] = NULL;
}

static void act_upkeep(unsigned number)
{
    if (number % 16 == 0)
        hak_trim();
    else if (number % 16 == 1)
        require(hak_check() == 0, "hak_check found faults");
    for (int i = 0; i < SLOTS; i++)
        if (entries[i].block != NULL)
            check_content(&entries[i], entries[i].size);
}

static void act(unsigned what, unsigned slot, unsigned number)
{
    struct entry *entry = &entries[slot % SLOTS];
    size_t size = size_from(number);
    int heap = -1;
    if ((what & 0x30) == 0x30 && heaps[what >> 6] != NULL)
        heap = (int)(what >> 6);
    switch (what & 15) {
    case 0:
    case 1:
    case 2: act_allocate(entry, size, heap); break;
    case 3:
    case 4: act_calloc(entry, size, heap); break;
    case 5: act_aligned(entry, size, slot >> 3, heap); break;
    case 6:
    case 7:
    case 8: act_realloc(entry, size); break;
    case 9: act_impossible(entry, number); break;
    case 10: act_heap((int)(what >> 6)); break;
    case 11: act_upkeep(number); break;
    default: release(entry, number); break;
    }
}

static void end_all(void)
{
    for (int i = 0; i < SLOTS; i++)
        release(&entries[i], (unsigned)i);
    for (int i = 0; i < HEAPS; i++)
        if (heaps[i] != NULL)
            act_heap(i);
    require(live_bytes == 0, "the model lost count");
    require(hak_check() == 0, "hak_check found faults at the end");
}

/* Long sequences from the start: in a minute libFuzzer would come to five acts by itself. */
int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    static char *with_options[64];
    if (*count < 1 || *count > 60)
        return 0;
    int kept = 0;
    with_options[kept++] = (*arguments)[0];
    with_options[kept++] = "-len_control=0";
    with_options[kept++] = "-max_len=1600";
    for (int i = 1; i < *count; i++)
        with_options[kept++] = (*arguments)[i];
    *arguments = with_options;
    *count = kept;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    act_number = 0;
    for (size_t at = 0; at + 4 <= length && act_number < ACTS_MAX; at += 4, act_number++)
        act(data[at], data[at + 1], data[at + 2] | (unsigned)data[at + 3] << 8);
    end_all();
    return 0;
}
