/* SPDX-License-Identifier: MIT */
/*
 * Damaged stacks: words of the live stack are overwritten with other numbers while it is walked,
 * and put back afterwards. Whatever is found, no walk faults, writes beyond its array, or takes
 * long. On the program's own stack, on threads' and on coroutines', with and without the calls that
 * a filter may forbid.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

#include <sys/ucontext.h>
#include <ucontext.h>

#define FRAMES 64
#define SPARE 8
#define WORDS 2048
#define ROUNDS 4000
#define apart __attribute__((noinline))

static uint64_t frames[FRAMES + SPARE];
static uint64_t saved[WORDS];
static uint64_t walks, found;

/* Where a damaged word may point to: code, tables, the stack, memory that ends, nothing. */
static char *edge;
static uint64_t made_pointer(uint64_t *state, const uint64_t *stack, size_t words)
{
    static const uintptr_t code[] = {(uintptr_t)qsort, (uintptr_t)stack_walk,
                                     (uintptr_t)pthread_create, (uintptr_t)siglongjmp};
    switch (unit_random(state, 9)) {
    case 0: return random_next(state);
    case 1: return code[unit_random(state, 4)] + unit_random(state, 4096);
    case 2: return (uintptr_t)(stack + unit_random(state, (unsigned)words));
    case 3: return (uintptr_t)stack - unit_random(state, 1 << 20);
    case 4: return (uintptr_t)stack + unit_random(state, 1 << 24);
    case 5: return (uintptr_t)edge + 4096 - 8 * unit_random(state, 4);
    case 6: return unit_random(state, 100000);
    case 7: return UINT64_MAX - unit_random(state, 100);
    default: return (uintptr_t)stack ^ (UINT64_C(1) << unit_random(state, 64));
    }
}

static __attribute__((no_sanitize("address", "thread", "undefined"))) void
move_words(volatile uint64_t *to, volatile const uint64_t *from, size_t words)
{
    for (size_t i = 0; i < words; i++)
        to[i] = from[i];
}

static __attribute__((no_sanitize("address", "thread", "undefined"))) void
damage(volatile uint64_t *stack, size_t words, uint64_t *state)
{
    unsigned count = 1 + unit_random(state, 30);
    for (unsigned i = 0; i < count; i++) {
        size_t near = 1 + unit_random(state, (unsigned)words);
        stack[unit_random(state, (unsigned)near)] = made_pointer(state, (const uint64_t *)stack,
                                                                 words);
    }
}

/* Our own frame is below `registers`, so it is not damaged. */
static apart void walk_damaged(struct stack_registers registers, size_t words, uint64_t *state)
{
    uint64_t *stack = (uint64_t *)registers.value[STACK_SP];
    if (unit_random(state, 4) == 0) {
        unsigned number = unit_random(state, STACK_REGISTERS);
        if (number != STACK_SP)
            registers.value[number] = made_pointer(state, stack, words);
    }
    if (unit_random(state, 4) == 0)
        registers.known = UINT64_MAX >> (64 - STACK_REGISTERS);
    size_t max = unit_random(state, FRAMES + 1);
    frames[max] = 0x5ca1ab1e;
    move_words(saved, stack, words);
    damage(stack, words, state);
    size_t count = stack_walk(&registers, frames, max);
    move_words(stack, saved, words);
    CHECK(count <= max);
    CHECK_EQ(frames[max], 0x5ca1ab1e);
    walks++;
    found += count;
}

static volatile unsigned rounds = ROUNDS;

static apart void walk_from_here(uint64_t seed, size_t words)
{
    struct stack_registers registers;
    for (unsigned i = 0; i < rounds; i++) {
        stack_capture(&registers);
        uint64_t state = seed * 1000000 + i + 1;
        walk_damaged(registers, words, &state);
    }
}

/* A stack with something on it. */
static apart void descend(unsigned depth, uint64_t seed, size_t words)
{
    char room[200];
    room[0] = (char)depth;
    __asm__ volatile("" : : "r"(room) : "memory");
    if (depth == 0)
        walk_from_here(seed, words);
    else
        descend(depth - 1, seed, words);
    __asm__ volatile("" ::: "memory");
}

static void *run_thread(void *seed)
{
    descend(40, (uintptr_t)seed, 512);
    return NULL;
}

static void run_in_thread(uint64_t seed)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, run_thread, (void *)(uintptr_t)seed), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static ucontext_t outside, inside;

static void run_coroutine(void)
{
    descend(40, 3, 512);
}

/* Its stack ends at memory that is not mapped. */
static void run_in_coroutine(void)
{
    size_t size = 256 * 1024;
    char *room = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    CHECK(room != MAP_FAILED);
    CHECK_EQ(munmap(room + size, 4096), 0);
    CHECK_EQ(getcontext(&inside), 0);
    inside.uc_stack.ss_sp = room;
    inside.uc_stack.ss_size = size;
    inside.uc_link = &outside;
    makecontext(&inside, run_coroutine, 0);
    CHECK_EQ(swapcontext(&outside, &inside), 0);
    CHECK_EQ(munmap(room, size), 0);
}

static void walk_all(void)
{
    walks = found = 0;
    stack_start();
    descend(40, 1, 512);
    descend(400, 4, WORDS);
    run_in_thread(2);
    run_in_coroutine();
    fprintf(stderr, "%llu walks, %.1f frames on average\n", (unsigned long long)walks,
            (double)found / (double)walks);
}

static void walk_filtered(void)
{
    os_note_filter();
    walk_all();
}

static void walk_by_maps(void)
{
    module_use_maps();
    walk_all();
}

static void test_filtered(void **state)
{
    (void)state;
    CHECK_CHILD(walk_filtered);
}

static void test_by_maps(void **state)
{
    (void)state;
    CHECK_CHILD(walk_by_maps);
}

static void test_plain(void **state)
{
    (void)state;
    walk_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filtered),
        cmocka_unit_test(test_by_maps),
        cmocka_unit_test(test_plain),
    };
    edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(edge + 4096, 4096);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
