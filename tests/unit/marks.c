/* SPDX-License-Identifier: MIT */
/*
 * Tests of watch/marks.c: a slab is marked as long as it has a sample; the mark knows the blocks
 * beside one sample, and beside several; runs of several slabs ask the slab; marks that leave do
 * not hide others. A mark that moves while another thread looks for it may not be found, but is
 * never taken for another. When another thread than the owner ends a sample, the slab map is done
 * before the owner could free the block without a wait. Both are tried after each instruction (on
 * x86-64).
 */
#include "unit/unit.h"

#include "lane/shared_pool.h"
#include "slab/reservation.h"
#include "watch/marks.h"
#include "watch/profile.h"

#include <ucontext.h>

static void make(void)
{
    CHECK(reservation_make());
    CHECK(profile_make(256 * KIB));
    profile_begin(PROFILE_BY_PROGRAM, 1);
    profile_end(PROFILE_BY_PROGRAM); /* nothing but the test itself adds samples */
}

static void *take(size_t size)
{
    void *block;
    CHECK_EQ(pool_take(&shared_pool, size_class_of(size), &block, 1), 1);
    return block;
}

static void add(const void *block, size_t size)
{
    profile_add(&(struct profile_event){block, size, size, 5, 0, 1});
}

static unsigned byte_of(const void *block)
{
    return slab_map_get(reservation_get(), reservation_offset(reservation_get(), block));
}

/* The class of a block that is no sample; CLASS_NONE: it is one, or the slab must be asked. */
static unsigned class_of_other(const void *block)
{
    bool is_sure = true;
    unsigned size_class = marks_class_beside(block, &is_sure);
    return is_sure || !profile_has(block) ? size_class : CLASS_NONE;
}

static void beside_samples(void)
{
    make();
    unsigned size_class = size_class_of(100);
    void *one = take(100), *two = take(100), *other = take(100);
    CHECK_EQ(class_of_other(other), CLASS_NONE); /* its slab has no sample */
    add(one, 112);
    CHECK_EQ(byte_of(other), CLASS_SAMPLED);
    CHECK_EQ(class_of_other(one), CLASS_NONE);
    CHECK_EQ(class_of_other(two), size_class);
    add(two, 112);
    CHECK_EQ(class_of_other(one), CLASS_NONE);
    CHECK_EQ(class_of_other(two), CLASS_NONE);
    CHECK_EQ(class_of_other(other), size_class);
    profile_forget(one);
    CHECK_EQ(class_of_other(one), size_class);
    CHECK_EQ(class_of_other(two), CLASS_NONE);
    CHECK_EQ(class_of_other(other), size_class);
    profile_forget(two);
    CHECK_EQ(byte_of(other), size_class);
    CHECK_EQ(class_of_other(other), CLASS_NONE);
}

/* A run of several slabs has its mark at the first. */
static void in_runs(void)
{
    make();
    size_t size = LANE_POOL_MAX / 2;
    void *blocks[8];
    for (unsigned i = 0; i < 8; i++)
        blocks[i] = take(size);
    add(blocks[1], size);
    for (unsigned i = 0; i < 8; i++) {
        unsigned found = class_of_other(blocks[i]);
        CHECK(found == CLASS_NONE || (i != 1 && found == size_class_of(size)));
    }
    profile_forget(blocks[1]);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(byte_of(blocks[i]), size_class_of(size));
}

/* One sample in each of many slabs: random ones go, and the others are still found. */
static void many_slabs(void)
{
    enum { SLABS = 200 };
    static void *samples[SLABS], *others[SLABS];
    uint64_t random = 7;
    make();
    for (unsigned i = 0; i < SLABS; i++) {
        void *block = take(4096);
        while (i > 0 && (uintptr_t)block / SLAB_SIZE == (uintptr_t)samples[i - 1] / SLAB_SIZE)
            block = take(4096);
        samples[i] = block;
        others[i] = take(4096);
        if ((uintptr_t)others[i] / SLAB_SIZE != (uintptr_t)block / SLAB_SIZE)
            others[i] = NULL;
        add(block, 4096);
    }
    for (unsigned left = SLABS; left > 0; left--) {
        unsigned gone = (unsigned)(random_next(&random) % left);
        profile_forget(samples[gone]);
        samples[gone] = samples[left - 1];
        others[gone] = others[left - 1];
        for (unsigned i = 0; i + 1 < left; i++) {
            CHECK_EQ(class_of_other(samples[i]), CLASS_NONE);
            CHECK(!others[i] || class_of_other(others[i]) == size_class_of(4096));
        }
    }
}

#if defined(__x86_64__) && !UNIT_SANITIZED

#define HOME_SLOTS 2048 /* of the table that make() makes */

static size_t home_of(const void *block)
{
    size_t offset = reservation_offset(reservation_get(), block);
    return ((offset >> SLAB_SHIFT) + 1) % HOME_SLOTS;
}

static bool is_one_slab(const void *block, const void *other)
{
    return (uintptr_t)block / SLAB_SIZE == (uintptr_t)other / SLAB_SIZE;
}

/* Two blocks of one slab whose mark has the home of another slab's. */
static void take_at_home_of(const void *other, size_t size, void *two[2])
{
    do {
        two[0] = take(size);
        two[1] = take(size);
    } while (home_of(two[0]) != home_of(other) || !is_one_slab(two[0], two[1]) ||
             is_one_slab(two[0], other));
}

/* Purpose: one search, interrupted after so many instructions, when the first mark goes. */
static struct {
    const void *first;
    volatile unsigned left; /* 0: no more steps */
} search;

static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (search.left == 0 || --search.left > 0)
        return;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
    profile_forget(search.first);
}

static __attribute__((noinline)) void step_on(void)
{
    __asm__ volatile("subq $128, %%rsp\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
                     "addq $128, %%rsp" ::
                         : "memory", "cc");
}

/* The marks of three slabs have one home. When the first goes, those behind it move up. */
static void while_marks_move(void)
{
    enum { INSTRUCTIONS = 250 };
    void *first[2], *second[2], *third[2];
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    make();
    first[0] = take(2048);
    take_at_home_of(first[0], 4096, second);
    take_at_home_of(first[0], 2048, third);
    CHECK_EQ(sigaction(SIGTRAP, &action, NULL), 0);
    search.first = first[0];
    for (unsigned steps = 1; steps < INSTRUCTIONS; steps++) {
        bool is_sure;
        add(first[0], 2048);
        add(second[0], 4096);
        add(third[0], 2048);
        search.left = steps;
        step_on();
        unsigned found = marks_class_beside(second[1], &is_sure);
        while (search.left > 0)
            ;
        CHECK(found == CLASS_NONE || found == size_class_of(4096));
        CHECK_EQ(class_of_other(second[1]), size_class_of(4096));
        profile_forget(second[0]);
        profile_forget(third[0]);
    }
}

/* Purpose: a sampled block in a run of slabs, and how often it could have been freed too early. */
static struct {
    const char *run;
    const char *block;
    unsigned size_class;
    bool is_on;
    unsigned steps;
    unsigned too_early;
} end;

static void on_step_of_end(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    struct slab *slab = slab_find(end.run);
    bool are_others_done = true;
    for (unsigned i = 0; i < slab->slab_count; i++)
        if (!is_one_slab(end.run + i * SLAB_SIZE, end.block))
            are_others_done &= byte_of(end.run + i * SLAB_SIZE) == end.size_class;
    bool is_done = are_others_done && byte_of(end.block) == end.size_class;
    end.too_early += !is_done && !profile_has(end.block);
    end.too_early += !are_others_done && byte_of(end.block) == end.size_class;
    end.steps++;
    if (!end.is_on)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}

/* Profiling ends for the command: samples are dropped by a thread that does not own the blocks. */
static void while_samples_are_dropped(void)
{
    struct sigaction action = {.sa_sigaction = on_step_of_end, .sa_flags = SA_SIGINFO};
    size_t size = LANE_POOL_MAX / 2;
    make();
    end.size_class = size_class_of(size);
    do
        end.block = take(size);
    while (slab_find(end.block)->slab_count < 3 ||
           is_one_slab(slab_find(end.block)->start, end.block) ||
           is_one_slab(slab_find(end.block)->start + SLAB_SIZE, end.block));
    end.run = slab_find(end.block)->start;
    profile_begin(PROFILE_BY_COMMAND, 1);
    add(end.block, size);
    CHECK_EQ(byte_of(end.block), CLASS_SAMPLED);
    CHECK_EQ(sigaction(SIGTRAP, &action, NULL), 0);
    end.is_on = true;
    step_on();
    profile_end(PROFILE_BY_COMMAND);
    end.is_on = false;
    CHECK(end.steps > 100);
    CHECK_EQ(end.too_early, 0);
    CHECK_EQ(byte_of(end.block), end.size_class);
}

#else

static void while_marks_move(void) {}
static void while_samples_are_dropped(void) {}

#endif

#define CHILD_TEST(body)                                                                           \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_CHILD(body);                                                                         \
    }

CHILD_TEST(beside_samples)
CHILD_TEST(in_runs)
CHILD_TEST(many_slabs)
CHILD_TEST(while_marks_move)
CHILD_TEST(while_samples_are_dropped)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beside_samples),
        cmocka_unit_test(test_in_runs),
        cmocka_unit_test(test_many_slabs),
        cmocka_unit_test(test_while_marks_move),
        cmocka_unit_test(test_while_samples_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
