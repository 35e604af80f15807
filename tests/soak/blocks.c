/* SPDX-License-Identifier: MIT */
/*
 * The soak's blocks: each is full of a pattern, which is checked whole when it is resized or freed,
 * so that what is live is resident too. And the failures injected below the allocator. Called by
 * any thread, and by the allocator's helper in fail_some, which therefore touches nothing of the
 * thread but errno.
 */
#include "soak.h"

#include "os/os.h"

#define ERRORS_SHOWN 20

static _Atomic uint64_t errors;

void soak_error(const char *format, ...)
{
    char text[400];
    char line[440];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (atomic_fetch_add(&errors, 1) < ERRORS_SHOWN) {
        snprintf(line, sizeof line, "soak: error: %s\n", text);
        harness_write(STDERR_FILENO, line);
    }
}

uint64_t soak_errors(void)
{
    return atomic_load(&errors);
}

/* ---- failures ---- */

/* Purpose: which calls to the kernel fail. relaxed: counts only, and a share that may be late. */
static struct {
    _Atomic uint64_t per_mille;
    _Atomic uint64_t calls;
    _Atomic uint64_t injected;
} faults;

/* A helper that cannot be confined is the last one, by design (os_thread.c). The rests wait for its
 * work, so its confinement does not fail here; it fails in tests/unit/os_thread.c. */
static bool fail_some(enum os_call call)
{
    if (call == OS_CALL_HELPER_SELF)
        return false;
    uint64_t per_mille = atomic_load_explicit(&faults.per_mille, memory_order_relaxed);
    uint64_t number = atomic_fetch_add_explicit(&faults.calls, 1, memory_order_relaxed);
    if (random_next(&number) % 1000 >= per_mille)
        return false;
    atomic_fetch_add_explicit(&faults.injected, 1, memory_order_relaxed);
    errno = ENOMEM;
    return true;
}

void faults_inject(uint64_t per_mille)
{
    atomic_store_explicit(&faults.per_mille, per_mille, memory_order_relaxed);
    if (!os_inject_failure)
        os_inject_failure = fail_some;
}

uint64_t faults_injected(void)
{
    return atomic_load_explicit(&faults.injected, memory_order_relaxed);
}

/* ---- blocks ---- */

static void count(struct tally *tally, int64_t bytes)
{
    atomic_fetch_add_explicit(&tally->live, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->operations, 1, memory_order_relaxed);
}

/* A call gave NULL: it may, if one to the kernel has been made to fail. */
static void note_refusal(struct tally *tally, size_t size)
{
    int error = errno;
    count(tally, 0);
    atomic_fetch_add_explicit(&tally->refused, 1, memory_order_relaxed);
    if (error != ENOMEM)
        soak_error("%zu bytes refused with errno %d, not ENOMEM", size, error);
    if (faults_injected() == 0)
        soak_error("%zu bytes refused, and no failure was injected", size);
}

static bool is_zero(const unsigned char *start, size_t size)
{
    return size == 0 || (start[0] == 0 && memcmp(start, start + 1, size - 1) == 0);
}

bool block_get(struct tally *tally, struct block *block, size_t size, uint64_t *random)
{
    uint64_t how = random_next(random);
    size_t alignment = (size_t)16 << (how >> 8) % 9;
    block->size = size;
    block->key = how;
    if (how % 16 == 0)
        block->start = calloc(1, size);
    else if (how % 16 == 1)
        block->start = aligned_alloc(alignment, size);
    else
        block->start = malloc(size);
    if (!block->start) {
        note_refusal(tally, size);
        return false;
    }
    if (how % 16 == 0 && !is_zero(block->start, size))
        soak_error("calloc: %zu bytes at %p are not zero", size, (void *)block->start);
    if (how % 16 == 1 && (uintptr_t)block->start % alignment != 0)
        soak_error("aligned_alloc: %p is not aligned to %zu", (void *)block->start, alignment);
    pattern_fill(block->start, size, block->key);
    count(tally, (int64_t)size);
    return true;
}

void block_check(const struct block *block)
{
    if (!pattern_holds(block->start, block->size, block->key))
        soak_error("%zu bytes at %p: the content has changed", block->size, (void *)block->start);
}

bool block_resize(struct tally *tally, struct block *block, size_t size)
{
    void *moved = realloc(block->start, size);
    if (!moved) {
        note_refusal(tally, size);
        return false;
    }
    size_t kept = size < block->size ? size : block->size;
    block->start = moved;
    if (!pattern_range_holds(moved, 0, kept, block->key))
        soak_error("realloc: of %zu bytes at %p the first %zu have changed", size, moved, kept);
    pattern_fill_range(moved, kept, size, block->key);
    count(tally, (int64_t)size - (int64_t)block->size);
    block->size = size;
    return true;
}

void block_put(struct tally *tally, struct block *block)
{
    if (!block->start)
        return;
    block_check(block);
    free(block->start);
    block->start = NULL;
    count(tally, -(int64_t)block->size);
}

size_t block_size(uint64_t *random, size_t low, size_t high)
{
    unsigned octaves = 0;
    while (low << (octaves + 1) <= high)
        octaves++;
    size_t base = low << random_next(random) % (octaves ? octaves : 1);
    return base + random_next(random) % base;
}
