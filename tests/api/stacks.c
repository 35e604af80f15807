/* SPDX-License-Identifier: MIT */
/*
 * The stack of a sample: a block that is allocated in known functions has them in its stack, in
 * their order; so has one that is allocated in a signal handler, with the function that the signal
 * interrupted below it. Reads the tables as the command does, through hakmem_root.
 */
#include "check.h"
#include "hak_names.h"

#include "diag/root.h"

#include <signal.h>

#define FUNCTION_BYTES 512 /* none of the functions here is longer */
#define no_tail() __asm__ volatile("" ::: "memory")

static const struct root *root;
static void *block;

static __attribute__((noinline)) void inner(size_t size)
{
    block = malloc(size);
    no_tail();
}

static __attribute__((noinline)) void middle(size_t size)
{
    char room[200];
    inner(size);
    opaque(room);
}

static __attribute__((noinline)) void outer(size_t size)
{
    middle(size);
    no_tail();
}

static void handler(int number)
{
    (void)number;
    middle(300);
    no_tail();
}

static __attribute__((noinline)) void interrupted(void)
{
    CHECK(raise(SIGUSR1) == 0);
    no_tail();
}

/* The frames of the block's sample. */
static const struct stack_record *stack_of(const void *sampled)
{
    const struct profile *tables = root->profile;
    for (uint32_t i = 0; i < tables->sample_slots; i++)
        if (tables->samples[i].address == (uintptr_t)sampled) {
            uint32_t stack = tables->sites[tables->samples[i].site].stack;
            return (const struct stack_record *)((const char *)tables->stacks + 8 * (size_t)stack);
        }
    return NULL;
}

/* The first frame from `at` on that is in the function. */
static uint32_t find(const struct stack_record *record, uint32_t at, uintptr_t function)
{
    while (at < record->depth && record->frames[at] - function >= FUNCTION_BYTES)
        at++;
    CHECK(at < record->depth);
    return at;
}

#define FIND(record, at, function) find(record, at, (uintptr_t)(function))

static void check_calls(size_t size)
{
    check_case = size;
    outer(size);
    const struct stack_record *record = stack_of(block);
    CHECK(record != NULL);
    uint32_t at = FIND(record, 0, inner);
    CHECK_EQ(FIND(record, at, middle), at + 1);
    CHECK_EQ(FIND(record, at, outer), at + 2);
    CHECK_EQ(FIND(record, at, check_calls), at + 3);
    free(block);
}

static void check_handler(void)
{
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    interrupted();
    const struct stack_record *record = stack_of(block);
    CHECK(record != NULL);
    uint32_t at = FIND(record, 0, middle);
    CHECK_EQ(FIND(record, at, handler), at + 1);
    FIND(record, at, interrupted);
    free(block);
}

int main(void)
{
    static const size_t sizes[] = {0, 100, 5000, 60 * KIB, 3 * MIB};
    if (!hak_find())
        return 0;
    root = API_FUNCTION(hakmem_root);
    CHECK(root != NULL);
    CHECK(hak.profile_start(1));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_calls(sizes[i]);
    check_handler();
    hak.profile_stop();
    return 0;
}
