/* SPDX-License-Identifier: MIT */
/*
 * Every call to the kernel made to fail in turn: a run through all lanes and most of the interface
 * is repeated with the Nth call of a kind (or of any kind) failing, once or from then on, for N =
 * 1, 2, ... until a run makes fewer calls. Whatever fails must say so by NULL and ENOMEM, lose
 * nothing, damage nothing, and be over when the calls succeed again. The reservation is not made
 * before main, so that each run, in a child of its own, also makes that under failure.
 */
#include "unit/unit.h"

#include "os/os.h"

#include "hakmem/hakmem.h"

#define HELD 12
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
    if (plan.kind != ANY_CALL && plan.kind != call)
        return false;
    unsigned number = atomic_fetch_add(&plan.made, 1) + 1;
    bool fails = plan.is_lasting ? number >= plan.nth : number == plan.nth;
    if (fails)
        errno = ENOMEM; /* as the kernel would */
    return fails;
}

static bool fail_always(enum os_call call)
{
    (void)call;
    errno = ENOMEM;
    return true;
}

/* Before the allocator's own constructor: its start must fail here. */
__attribute__((constructor(101))) static void fail_before_main(void)
{
    os_inject_failure = fail_always;
}

/* ---- the run ---- */

/* Purpose: a block that the run holds, with the sparse pattern of its size and key. */
struct held {
    char *block;
    size_t size;
    uint64_t key;
};

static _Atomic unsigned failed_calls;

static void note_failure(int expected)
{
    CHECK_EQ(errno, expected);
    failed_calls++;
}

static void fill(struct held *one)
{
    one->key++;
    pattern_fill_sparse(one->block, one->size, one->key);
}

static void check_zero(const char *block, size_t size)
{
    for (size_t at = 0; at < size; at += SLAB_SIZE / 2)
        CHECK(unit_is_zero(block + at, min_size(64, size - at)));
    size_t end = min_size(size, 256);
    CHECK(unit_is_zero(block + size - end, end));
}

static void allocate(struct held *one, unsigned how, size_t size)
{
    size_t alignment = (size_t)32 << how % 13;
    errno = 0;
    one->size = size;
    if (how % 4 == 0)
        one->block = hak_calloc(1, size);
    else if (how % 4 == 1)
        one->block = hak_aligned_alloc(alignment, size);
    else
        one->block = hak_malloc(size);
    if (!one->block) {
        note_failure(ENOMEM);
        return;
    }
    CHECK_EQ(errno, 0);
    CHECK(how % 4 != 1 || (uintptr_t)one->block % alignment == 0);
    CHECK(hak_usable_size(one->block) >= size);
    if (how % 4 == 0)
        check_zero(one->block, size);
    fill(one);
}

static void reallocate(struct held *one, size_t size)
{
    errno = 0;
    CHECK(pattern_sparse_holds(one->block, one->size, SIZE_MAX, one->key));
    char *block = hak_realloc(one->block, size);
    if (!block) {
        note_failure(ENOMEM);
        CHECK(pattern_sparse_holds(one->block, one->size, SIZE_MAX, one->key));
        return;
    }
    CHECK(pattern_sparse_holds(block, one->size, size, one->key));
    one->block = block;
    one->size = size;
    fill(one);
}

static void release(struct held *one)
{
    CHECK(pattern_sparse_holds(one->block, one->size, SIZE_MAX, one->key));
    errno = 77;
    hak_free(one->block);
    CHECK_EQ(errno, 77);
    one->block = NULL;
}

static size_t size_for(uint64_t *random)
{
    switch (unit_random(random, 10)) {
    case 0: return LANE_HUGE_MIN + random_next(random) % (2 * MIB);
    case 1: return LANE_ACE_MIN + random_next(random) % MIB;
    case 2: return LANE_POOL_MIN + random_next(random) % (LANE_POOL_MAX - LANE_POOL_MIN);
    default: return 1 + unit_random(random, LANE_TINY_MAX);
    }
}

static void use_blocks(uint64_t random, unsigned steps)
{
    struct held held[HELD] = {{NULL, 0, 0}};
    for (unsigned step = 0; step < steps; step++) {
        struct held *one = &held[unit_random(&random, HELD)];
        size_t size = size_for(&random);
        if (!one->block)
            allocate(one, unit_random(&random, 64), size);
        else if (unit_random(&random, 2))
            reallocate(one, size);
        else
            release(one);
        if (step == steps / 2)
            hak_trim();
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i].block)
            release(&held[i]);
}

/* A huge block that cannot grow where it is, twice: pages move, and move again. */
static void use_growth(void)
{
    struct held one = {NULL, 0, 0};
    char *obstacles[2] = {NULL, NULL};
    allocate(&one, 2, LANE_HUGE_MIN);
    for (unsigned i = 0; i < 2; i++) {
        obstacles[i] = hak_malloc(3 * MIB);
        if (one.block)
            reallocate(&one, one.size * 2);
    }
    if (one.block)
        reallocate(&one, LANE_HUGE_MIN);
    if (one.block)
        release(&one);
    hak_free(obstacles[0]);
    hak_free(obstacles[1]);
}

static void use_heap(void)
{
    struct hak_heap *heap = hak_heap_new();
    if (!heap) {
        note_failure(ENOMEM);
        return;
    }
    for (size_t size = 10; size < 3 * MIB; size *= 8) {
        struct held one = {.block = hak_heap_calloc(heap, 1, size), .size = size};
        if (!one.block) {
            note_failure(ENOMEM);
            continue;
        }
        check_zero(one.block, size);
        fill(&one);
        reallocate(&one, size + size / 2);
        if (size % 3)
            release(&one);
    }
    hak_heap_destroy(heap);
}

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

static uint64_t live_bytes(void)
{
    struct hak_stats stats;
    uint64_t live = 0;
    hak_stats(&stats, sizeof(stats));
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        live += stats.lane[lane].live_bytes + stats.lane[lane].live_blocks;
    return live;
}

#define EXIT_NO_SUCH_CALL 3

static bool with_threads;
static bool is_piecewise;

static bool plan_and_mode(enum os_call call)
{
    if (is_piecewise && call == OS_CALL_RESERVE) {
        errno = ENOMEM;
        return true;
    }
    return fail_as_planned(call);
}

static bool fail_mode_only(enum os_call call)
{
    errno = ENOMEM;
    return is_piecewise && call == OS_CALL_RESERVE;
}

static void run_once(void)
{
    os_inject_failure = plan_and_mode;
    use_all(with_threads);
    CHECK_EQ(hak_check(), 0);
    CHECK_EQ(live_bytes(), 0);
    bool is_past_the_end = plan.made < plan.nth;
    /* over: everything works again, and nothing is missing */
    os_inject_failure = fail_mode_only;
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
        CHECK(plan.nth > 1 || kind == OS_CALL_MAP || kind == OS_CALL_RESERVE);
    }
}

static void test_whole(void **state)
{
    (void)state;
    is_piecewise = with_threads = false;
    for (unsigned kind = IS_SHORT ? ANY_CALL : OS_CALL_RESERVE; kind <= ANY_CALL; kind++)
        fail_each(kind);
}

/* Only there are superslabs mapped one by one. */
static void test_piecewise(void **state)
{
    (void)state;
    is_piecewise = true;
    with_threads = false;
    fail_each(OS_CALL_MAP);
    fail_each(OS_CALL_MOVE);
    if (!IS_SHORT)
        fail_each(ANY_CALL);
}

static void test_threads(void **state)
{
    (void)state;
    is_piecewise = true;
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
        cmocka_unit_test(test_piecewise),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
