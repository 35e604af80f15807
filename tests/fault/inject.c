/* SPDX-License-Identifier: MIT */
/*
 * Every call to the kernel for memory made to fail in turn: a run through all lanes and most of the
 * interface is repeated with the Nth call of a kind (or of any kind) failing, once or from then on,
 * for N = 1, 2, ... until a run makes fewer calls. Whatever fails must say so by NULL and ENOMEM,
 * lose nothing, damage nothing, and be over when the calls succeed again. The reservation is not
 * made before main, so that each run, in a child of its own, also makes that under failure.
 */
#include "run.h"

#include "os/os.h"

#define GROWN_BLOCKS (20 * MIB / LANE_POOL_MAX)
#define ANY_CALL (OS_CALL_REMAP + 1)

/* The thread sanitizer looks at something else and is slow: it gets fewer of the same runs. */
#ifdef HAK_TSAN
#define IS_SHORT true
#else
#define IS_SHORT false
#endif

/* ---- the failures ---- */

/* Purpose: which calls fail. Written by one thread while no other runs. */
static struct {
    unsigned kind;
    unsigned nth;
    bool is_lasting; /* that call and all later ones */
    _Atomic unsigned made;
} plan;

static bool fail_as_planned(enum os_call call)
{
    if (call >= ANY_CALL || (plan.kind != ANY_CALL && plan.kind != call))
        return false;
    unsigned number = atomic_fetch_add(&plan.made, 1) + 1;
    bool fails = plan.is_lasting ? number >= plan.nth : number == plan.nth;
    if (fails)
        errno = ENOMEM; /* as the kernel would */
    return fails;
}

/* ---- the run ---- */

/* A heap that has grown: from some superslab on, huge pages. */
static void use_grown(void)
{
    struct held *held = calloc(GROWN_BLOCKS, sizeof(*held));
    for (unsigned i = 0; i < GROWN_BLOCKS; i++)
        allocate(&held[i], 2, LANE_POOL_MAX - i);
    for (unsigned i = 0; i < GROWN_BLOCKS; i++)
        if (held[i].block)
            release(&held[i]);
    free(held);
}

static void *use_as_thread(void *number)
{
    use_blocks((uintptr_t)number + 1000, 20);
    return NULL;
}

static void use_all(bool with_threads)
{
    use_blocks(1, 40);
    use_growth();
    use_heap();
    use_grown();
    if (with_threads)
        unit_run_threads(use_as_thread);
    hak_trim();
}

/* ---- one run, in a child ---- */

#define EXIT_NO_SUCH_CALL 3

static bool with_threads;
static bool is_rationed;

static void run_once(void)
{
    if (is_rationed)
        unit_ration();
    os_inject_failure = fail_as_planned;
    use_all(with_threads);
    CHECK_EQ(hak_check(), 0);
    CHECK_EQ(live_bytes(), 0);
    bool is_past_the_end = plan.made < plan.nth;
    /* over: everything works again, and nothing is missing */
    os_inject_failure = NULL;
    failed_calls = 0;
    use_blocks(2, 20);
    use_heap();
    CHECK_EQ(failed_calls, 0);
    CHECK_EQ(hak_check(), 0);
    CHECK_EQ(live_bytes(), 0);
    if (is_past_the_end)
        _exit(EXIT_NO_SUCH_CALL);
}

/* One by one at first, where each call is of another kind; later in steps that grow. */
static unsigned next_nth(unsigned nth)
{
    if (nth < 12 && !plan.is_lasting && !IS_SHORT)
        return nth + 1;
    return nth + 1 + (plan.is_lasting || IS_SHORT ? nth : nth / 3);
}

static void fail_each(unsigned kind)
{
    static struct unit_child child;
    for (unsigned lasting = 0; lasting <= 1; lasting++) {
        plan.kind = kind;
        plan.is_lasting = lasting;
        for (plan.nth = 1;; plan.nth = next_nth(plan.nth)) {
            unit_run_child(run_once, &child);
            if (WIFEXITED(child.status) && WEXITSTATUS(child.status) == EXIT_NO_SUCH_CALL)
                break;
            if (child.status != 0)
                fprintf(stderr, "call %u of kind %u%s: status %x: %s", plan.nth, kind,
                        lasting ? " and all later" : "", child.status, child.text);
            CHECK_EQ(child.status, 0);
        }
        CHECK(plan.nth > 1 || kind == OS_CALL_RESERVE);
    }
}

static void test_whole(void **state)
{
    (void)state;
    is_rationed = with_threads = false;
    for (unsigned kind = IS_SHORT ? ANY_CALL : OS_CALL_RESERVE; kind <= ANY_CALL; kind++)
        fail_each(kind);
}

/* Only there are superslabs mapped one by one. */
static void test_rationed(void **state)
{
    (void)state;
    is_rationed = true;
    with_threads = false;
    fail_each(OS_CALL_MAP);
    fail_each(OS_CALL_MOVE);
    if (!IS_SHORT)
        fail_each(ANY_CALL);
}

static void test_threads(void **state)
{
    (void)state;
    is_rationed = true;
    with_threads = true;
    fail_each(ANY_CALL);
}

/* No address space at all at first, then some: each call tries anew. */
static void closed_then_open(void)
{
    CHECK_EQ(hak_check(), 0);
    for (unsigned i = 0; i < 3; i++) {
        errno = 0;
        CHECK(hak_malloc(100) == NULL);
        CHECK_EQ(errno, ENOMEM);
        CHECK(hak_heap_new() == NULL);
        CHECK_EQ(hak_good_size(10), 0);
        CHECK_EQ(hak_trim(), 0);
        hak_free(NULL);
        CHECK(hak_realloc(NULL, 10) == NULL);
    }
    CHECK_EQ(live_bytes(), 0);
    os_inject_failure = NULL;
    use_all(true);
    CHECK_EQ(failed_calls, 0);
    CHECK_EQ(hak_check(), 0);
}

static void test_closed_then_open(void **state)
{
    (void)state;
    CHECK_CHILD(closed_then_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_then_open),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_rationed),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
