/* SPDX-License-Identifier: MIT */
/*
 * Tests of stack/stack_memory.c: the own stack of a thread is read directly, from the deepest
 * address in use to its top; another stack is copied, or not read where the kernel may not be
 * asked; nothing outside is read.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

static struct budget budget;

static void enter(struct stack_memory *memory, const void *sp, bool is_certain)
{
    budget = (struct budget){.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
    memory->budget = &budget;
    stack_memory_enter(memory, (uintptr_t)sp, is_certain);
}

static void check_own(void)
{
    volatile uint64_t words[4] = {11, 12, 13, 14};
    struct stack_memory memory = {0};
    uint64_t word = 0;
    enter(&memory, (const void *)&words[1], true);
    CHECK_EQ(memory.access, STACK_DIRECT);
    CHECK(stack_memory_read(&memory, (uintptr_t)&words[2], &word) && word == 13);
    CHECK(!stack_memory_read(&memory, (uintptr_t)&words[0], &word)); /* below */
    CHECK(!stack_memory_read(&memory, (uintptr_t)&words[2] + 1, &word));
    CHECK(!stack_memory_read(&memory, memory.high, &word));
    CHECK(stack_memory_read(&memory, memory.high - 8, &word));
    CHECK_EQ(budget.copies, WALK_COPIES_MAX);
}

static void test_main_thread(void **state)
{
    (void)state;
    check_own();
}

static void *run_thread(void *unused)
{
    check_own();
    return unused;
}

static void test_thread(void **state)
{
    (void)state;
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, run_thread, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void check_other(void)
{
    uint64_t *room = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct stack_memory memory = {0};
    uint64_t word = 0;
    CHECK(room != MAP_FAILED);
    CHECK_EQ(munmap((char *)room + 4096, 4096), 0);
    for (unsigned i = 0; i < 512; i++)
        room[i] = i;
    enter(&memory, room, false);
    CHECK_EQ(memory.access, STACK_UNREADABLE); /* nobody has tried to copy */
    CHECK(!stack_memory_read(&memory, (uintptr_t)room, &word));
    reader_try_copy();
    enter(&memory, room + 8, false);
    CHECK_EQ(memory.access, STACK_COPIED);
    for (unsigned i = 8; i < 512; i++)
        CHECK(stack_memory_read(&memory, (uintptr_t)(room + i), &word) && word == i);
    CHECK(budget.copies < WALK_COPIES_MAX);
    CHECK(!stack_memory_read(&memory, (uintptr_t)room, &word));         /* below */
    CHECK(!stack_memory_read(&memory, (uintptr_t)(room + 512), &word)); /* not mapped */
    enter(&memory, room, false);
    budget.copies = 0;
    CHECK(!stack_memory_read(&memory, (uintptr_t)room, &word));
    os_note_filter();
    enter(&memory, room, false);
    CHECK_EQ(memory.access, STACK_UNREADABLE);
}

static void test_other(void **state)
{
    (void)state;
    CHECK_CHILD(check_other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_main_thread),
        cmocka_unit_test(test_thread),
        cmocka_unit_test(test_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
