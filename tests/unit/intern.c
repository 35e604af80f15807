/* SPDX-License-Identifier: MIT */
/*
 * Tests of stack/intern.c: equal stacks have one number, others have others; what is stored can
 * be read from a copy of the memory alone; a full store drops and counts; threads and signal
 * handlers that store the same stacks at the same time agree.
 */
#include "unit/unit.h"

#include "stack/stack.h"

#define SIZE (1 * MIB)
#define STACKS 3000
#define DEPTH 20

static _Alignas(8) char memory[SIZE];
static struct stack_store *store;

static void make_store(size_t size)
{
    memset(memory, 0, sizeof(memory));
    store = stack_store_make(memory, size);
    CHECK(store != NULL);
}

static size_t make_stack(unsigned number, uint64_t *frames)
{
    size_t depth = 1 + number % DEPTH;
    for (size_t i = 0; i < depth; i++)
        frames[i] = 0x400000 + number * 64 + i;
    return depth;
}

/* A reader from outside: a copy, of which nothing is believed. */
static size_t count_in_copy(const char *copy, size_t size)
{
    const struct stack_store *head = (const void *)copy;
    const uint32_t *slots = (const void *)(head + 1);
    size_t count = 0;
    CHECK_EQ(head->magic, STACK_STORE_MAGIC);
    CHECK(head->size <= size && head->first >= sizeof(*head) + head->slots * 4);
    for (size_t i = 0; i < head->slots; i++) {
        uint64_t place = (uint64_t)slots[i] * 8;
        if (place == 0)
            continue;
        CHECK(place >= head->first && place + sizeof(struct stack_record) <= head->size);
        const struct stack_record *record = (const void *)(copy + place);
        CHECK(record->depth <= STACK_DEPTH_MAX);
        CHECK(place + sizeof(*record) + record->depth * 8 <= head->size);
        CHECK_EQ(record->hash, stack_hash(record->frames, record->depth));
        count++;
    }
    return count;
}

static void test_same(void **state)
{
    (void)state;
    static uint32_t numbers[STACKS];
    static char copy[SIZE];
    uint64_t frames[DEPTH];
    make_store(SIZE);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < STACKS; i++) {
            uint32_t number = stack_intern(store, frames, make_stack(i, frames));
            CHECK(number != 0);
            CHECK(round == 0 || number == numbers[i]);
            CHECK(i == 0 || number != numbers[i - 1]);
            numbers[i] = number;
        }
    CHECK_EQ(store->stacks, STACKS);
    CHECK_EQ(store->dropped_full + store->dropped_wrong, 0);
    for (unsigned i = 0; i < STACKS; i++) {
        size_t depth;
        const uint64_t *stored = stack_frames(store, numbers[i], &depth);
        CHECK_EQ(depth, make_stack(i, frames));
        CHECK(memcmp(stored, frames, depth * sizeof(frames[0])) == 0);
    }
    memcpy(copy, memory, SIZE);
    CHECK_EQ(count_in_copy(copy, SIZE), STACKS);
}

static void test_wrong(void **state)
{
    (void)state;
    static uint64_t frames[STACK_DEPTH_MAX + 1];
    size_t depth;
    CHECK(stack_store_make(NULL, SIZE) == NULL);
    CHECK(stack_store_make(memory, STACK_STORE_MIN - 1) == NULL);
    CHECK(stack_store_make(memory, 32 * GIB + 1) == NULL);
    make_store(SIZE);
    CHECK_EQ(stack_intern(store, frames, 0), 0);
    CHECK_EQ(stack_intern(store, frames, STACK_DEPTH_MAX + 1), 0);
    CHECK_EQ(store->dropped_wrong, 2);
    CHECK(stack_frames(store, 0, &depth) == NULL && depth == 0);
    CHECK(stack_intern(store, frames, STACK_DEPTH_MAX) != 0);
}

static void test_full(void **state)
{
    (void)state;
    uint64_t frames[DEPTH];
    make_store(STACK_STORE_MIN);
    unsigned kept = 0;
    for (unsigned i = 0; i < STACKS; i++)
        kept += stack_intern(store, frames, make_stack(i, frames)) != 0;
    CHECK(kept > 10 && kept < STACKS);
    CHECK_EQ(store->stacks, kept);
    CHECK_EQ(store->dropped_full, STACKS - kept);
    CHECK(store->used <= STACK_STORE_MIN);
    CHECK_EQ(count_in_copy(memory, STACK_STORE_MIN), kept);
    for (size_t i = STACK_STORE_MIN; i < SIZE; i++)
        CHECK(memory[i] == 0);
    /* what is there is still found */
    CHECK(stack_intern(store, frames, make_stack(0, frames)) != 0);
}

static _Atomic uint32_t shared[STACKS];

static void store_one(unsigned i)
{
    uint64_t frames[DEPTH];
    uint32_t number = stack_intern(store, frames, make_stack(i, frames));
    uint32_t before = 0;
    CHECK(number != 0);
    if (!atomic_compare_exchange_strong(&shared[i], &before, number))
        CHECK_EQ(before, number);
}

static void on_signal(int number)
{
    static _Atomic unsigned next;
    (void)number;
    for (unsigned i = 0; i < 10; i++)
        store_one(atomic_fetch_add(&next, 7) % STACKS);
}

static void *store_all(void *number)
{
    for (unsigned i = 0; i < STACKS; i++) {
        store_one((i * 7 + (unsigned)(uintptr_t)number) % STACKS);
        if (i % 100 == 0)
            raise(SIGUSR1);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    signal(SIGUSR1, on_signal);
    for (unsigned round = 0; round < (UNIT_SANITIZED ? 5 : 50); round++) {
        make_store(SIZE);
        memset(shared, 0, sizeof(shared));
        unit_run_threads(store_all);
        CHECK_EQ(store->stacks, STACKS);
        CHECK_EQ(count_in_copy(memory, SIZE), STACKS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
