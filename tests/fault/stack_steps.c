/* SPDX-License-Identifier: MIT */
/*
 * Tests of src/stack/walk.c at every instruction of some calls: the program runs step by step
 * (SIGTRAP after each instruction, on x86-64), through entries of the PLT, the dynamic loader's
 * search for a function, libc and the vDSO, their prologues and epilogues. At each step the walk
 * must come to the function that made the calls, and to its callers.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

#include <sys/ucontext.h>
#include <time.h>

#define FRAMES 128
#define apart __attribute__((noinline))
/* Behind a call, so that it is not the last act of its function. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

#if defined(__x86_64__) && !UNIT_SANITIZED

#define STEPS_MAX 200000

/* Purpose: what was found at the steps. */
static struct {
    volatile bool is_on;
    unsigned made;
    unsigned wrong;
    uint64_t first_wrong;
    uint64_t expected[FRAMES]; /* the callers of step_through, outermost first */
    size_t expected_count;
} steps;

static apart void step_through(void (*body)(void));

static bool ends_as_expected(const uint64_t *found, size_t found_count)
{
    if (found_count <= steps.expected_count)
        return false;
    for (size_t i = 0; i < steps.expected_count; i++)
        if (found[found_count - 1 - i] != steps.expected[i])
            return false;
    /* and step_through itself */
    return found[found_count - 1 - steps.expected_count] - (uintptr_t)step_through < 1024;
}

static uint64_t frames[FRAMES];

static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    static uint64_t found[FRAMES];
    struct stack_registers registers;
    stack_from_context(&registers, context);
    size_t found_count = stack_walk(&registers, found, FRAMES);
    steps.made++;
    if (!steps.is_on || steps.made == STEPS_MAX)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
    if (steps.is_on && !ends_as_expected(found, found_count)) {
        if (getenv("SHOW_STEPS"))
            fprintf(stderr, "wrong at %#llx: %zu frames\n",
                    (unsigned long long)registers.value[STACK_PC], found_count);
        steps.first_wrong = steps.wrong++ ? steps.first_wrong : registers.value[STACK_PC];
    }
}

static apart void step_on(void)
{
    __asm__ volatile("subq $128, %%rsp\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
                     "addq $128, %%rsp" ::
                         : "memory", "cc");
}

static int plain_compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static apart void work(void)
{
    int numbers[] = {3, 1, 2, 9, 4};
    struct timespec now;
    char text[64];
    qsort(numbers, 5, sizeof(numbers[0]), plain_compare);
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof(text), "%d %s %f", numbers[0], "text", 1.5);
    CHECK_EQ(strtol(text, NULL, 10), 1);
}

static apart void step_through(void (*body)(void))
{
    struct stack_registers registers;
    stack_capture(&registers);
    size_t all = stack_walk(&registers, frames, FRAMES);
    steps.expected_count = all - 1;
    for (size_t i = 0; i < steps.expected_count; i++)
        steps.expected[i] = frames[all - 1 - i];
    steps.is_on = true;
    step_on();
    body();
    steps.is_on = false;
    NO_TAIL_CALL();
}

static void test_steps(void **state)
{
    (void)state;
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    struct sigaction before;
    CHECK_EQ(sigaction(SIGTRAP, &action, &before), 0);
    memset(&steps, 0, sizeof(steps));
    step_through(work);
    CHECK_EQ(sigaction(SIGTRAP, &before, NULL), 0);
    printf("%u instructions, %u of them with a wrong stack, the first at %#llx\n", steps.made,
           steps.wrong, (unsigned long long)steps.first_wrong);
    CHECK(steps.made > 1000 && steps.made < STEPS_MAX);
    CHECK_EQ(steps.wrong, 0);
}
#endif

int main(void)
{
#if defined(__x86_64__) && !UNIT_SANITIZED
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
    };
    stack_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* skipped: not here, or the sanitizers' functions have code without tables */
#endif
}
