/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/unified_cache.c and the inline halves of front/front.h: a thread cache from its
 * making to its end, how bins grow and are refilled and flushed, random use with patterns, the
 * budget of a thread's bins, and misuse. Each test is a thread of its own in a child of its own.
 */
#include "unit/own_cache.h"

#define HELD_MAX 400
#define SMALL CLASS_FIRST
#define SLOW_START 8 /* slots granted one by one */

/* ---- the cache's life ---- */

static struct thread_cache *announced;

static void note_cache(struct thread_cache *cache)
{
    CHECK(announced == NULL);
    announced = cache;
}

static void new_heap(void)
{
    static int foreign;
    CHECK_EQ(thread_cache_distance, 0);
    for (size_t size = 0; size < 3 * MIB; size = size * 2 + 1)
        CHECK(front_alloc(size) == NULL); /* empty */
    CHECK(!front_free(&foreign));
    announced = NULL;
    struct thread_cache *cache = thread_cache_get();
    CHECK(cache != NULL && cache == announced && cache == own_cache());
    CHECK(thread_cache_get() == cache);
    CHECK_EQ(cache->thread_id, os_thread_number().thread);
    for (size_t size = 0; size <= LANE_TINY_MAX; size++)
        CHECK_EQ(cache->size_class[(size + BLOCK_ALIGN - 1) / BLOCK_ALIGN], size_class_of(size));
    for (unsigned size_class = 0; size_class < CLASS_COUNT; size_class++) {
        CHECK_EQ(count_of(size_class), 0);
        CHECK_EQ(limit_of(size_class), 0);
    }
}

static struct thread_cache *last_cache;

static void note_own_cache(void)
{
    last_cache = thread_cache_get();
}

/* After its end a thread can still allocate and free, one by one, and keeps nothing. */
static void after_the_end(void)
{
    free_class(SMALL, alloc_class(SMALL));
    unified_cache_thread_exit();
    CHECK(thread_cache_get() == NULL);
    CHECK(bin_pop(own_cache(), SMALL) == NULL);
    size_t before = blocks_out(SMALL);
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        void *block = alloc_class(size_class);
        CHECK(front_alloc(size_classes[size_class].size) == NULL);
        free_class(size_class, block);
        CHECK_EQ(count_of(size_class), 0);
    }
    CHECK_EQ(blocks_out(SMALL), before);
    unified_cache_thread_exit();
    unified_cache_empty();
}

static void life(void)
{
    CHECK(reservation_make());
    thread_cache_on_new = note_cache;
    run_in_thread(new_heap);
    thread_cache_on_new = NULL;
    check_all_back();
    size_t metadata = meta_used_bytes();
    run_in_thread(note_own_cache);
    CHECK(last_cache == announced); /* the next thread has the last one's cache */
    CHECK_EQ(meta_used_bytes(), metadata);
    run_in_thread(after_the_end);
    check_all_back();
}

/* ---- growth ---- */

/* The most slots of a bin, for blocks of up to a quarter of its bytes. */
static unsigned slots_of(size_t size)
{
    size_t bytes = size <= BIN_SMALL_MAX ? BIN_BYTES_MAX : BIN_BYTES_MAX / 2;
    return (unsigned)min_size(bytes / size, BIN_SLOTS_MAX);
}

/* Refills double up to what the setting and the bin allow; blocks come in order of address. */
static void check_refills(unsigned size_class)
{
    size_t size = size_classes[size_class].size;
    unsigned slots = slots_of(size);
    unsigned most = (unsigned)min_size((size_t)settings.tiny_refill_batch_size, slots / 2);
    unsigned wanted = (unsigned)min_size(line_blocks(size), most);
    for (unsigned refill = 0; refill < 10; refill++) {
        CHECK_EQ(count_of(size_class), 0);
        alloc_class(size_class);
        unsigned got = count_of(size_class) + 1;
        CHECK(got <= wanted);
        CHECK(got == wanted || pooled(slab_find(alloc_class(size_class)))->free_count == 0);
        while (count_of(size_class) > 0)
            alloc_class(size_class);
        wanted = (unsigned)min_size(2 * wanted, most);
    }
}

static void refills(void)
{
    settings.ss_prefault = PREFAULT_OFF; /* a young class's batches end with the pages present */
    settings.tiny_refill_batch_size = 32;
    check_refills(SMALL);
    check_refills(20);
    settings.tiny_refill_batch_size = 5;
    check_refills(3);
    settings.tiny_refill_batch_size = BATCH_BLOCKS;
    check_refills(5);
}

/* Slots come one by one, then by doubling, beyond a batch only where there are refills too; a full
 * bin gives its older half away. */
static void growth_of(unsigned size_class)
{
    static void *blocks[3 * BIN_SLOTS_MAX];
    size_t size = size_classes[size_class].size;
    unsigned slots = slots_of(size);
    unsigned unused = (unsigned)min_size(BIN_SLOTS_UNUSED,
                                         max_size(BATCH_BYTES / size, BATCH_BLOCKS_MIN));
    for (unsigned i = 0; i < 3 * slots; i++)
        blocks[i] = alloc_class(size_class);
    unified_cache_empty();
    unsigned limit = limit_of(size_class);
    for (unsigned i = 0; i < 3 * slots; i++) {
        unsigned count = count_of(size_class);
        bool is_used = own_cache()->is_used[size_class] = i % 3 != 0; /* as after a refill */
        free_class(size_class, blocks[i]);
        if (count < limit)
            CHECK_EQ(limit_of(size_class), limit);
        else if (limit < slots && (limit < unused || is_used))
            CHECK_EQ(limit_of(size_class),
                     min_size(limit < SLOW_START ? limit + 1 : 2 * limit, slots));
        else
            CHECK_EQ(count_of(size_class), count - (count + 1) / 2 + 1);
        limit = limit_of(size_class);
        CHECK(count_of(size_class) <= limit && limit <= own_cache()->slots[size_class]);
        CHECK(own_cache()->top[size_class][-1] == blocks[i]);
    }
    CHECK(limit == slots || limit >= unused);
    for (unsigned i = 3 * slots; count_of(size_class) > 0;) /* last in, first out */
        CHECK(bin_pop(own_cache(), size_class) == blocks[--i]);
    check_structure();
}

static void growth(void)
{
    for (unsigned size_class = CLASS_FIRST; size_classes[size_class].size <= BIN_BYTES_MAX / 4;
         size_class++)
        growth_of(size_class);
}

static void refill_and_growth(void)
{
    CHECK(reservation_make());
    settings.decay_ms = -1;
    run_in_thread(refills);
    run_in_thread(growth);
    check_structure();
}

/* ---- random use ---- */

struct held {
    char *block;
    unsigned size_class;
};

static unsigned random_class(uint64_t *random)
{
    unsigned kind = unit_random(random, 10);
    return kind < 6   ? CLASS_FIRST + unit_random(random, 12)
           : kind < 9 ? CLASS_FIRST + unit_random(random, CLASS_POOL_LAST)
                      : CLASS_POOL_LAST + 1 + unit_random(random, 20);
}

static void check_filled(const struct held *one)
{
    size_t size = size_classes[one->size_class].size;
    CHECK(pattern_sparse_holds(one->block, size, SIZE_MAX, pattern_key(one->block, size, 3)));
}

static void use_at_random(uint64_t random, unsigned steps, bool is_checked)
{
    struct held held[HELD_MAX];
    unsigned count = 0;
    for (unsigned step = 0; step < steps; step++) {
        if (count < HELD_MAX && unit_random(&random, 100) < (step / 1000 % 2 ? 35u : 65u)) {
            struct held one = {.size_class = random_class(&random)};
            size_t size = size_classes[one.size_class].size;
            one.block = alloc_class(one.size_class);
            pattern_fill_sparse(one.block, size, pattern_key(one.block, size, 3));
            held[count++] = one;
        } else if (count > 0) {
            unsigned index = unit_random(&random, count);
            struct held one = held[index];
            held[index] = held[--count];
            check_filled(&one);
            free_class(one.size_class, one.block);
            CHECK(count_of(one.size_class) == 0 || front_was_freed(one.size_class, one.block));
        }
        if (is_checked && step % 8 == 0)
            check_structure();
    }
    unified_cache_judge();
    while (count-- > 0)
        free_class(held[count].size_class, held[count].block);
}

static void use_alone(void)
{
    use_at_random(51, 8000, true);
    unified_cache_empty();
    size_t blocks[CLASS_COUNT];
    size_t threads;
    thread_cache_count_blocks(blocks, &threads);
    CHECK_EQ(threads, 1);
    for (unsigned size_class = 0; size_class < CLASS_COUNT; size_class++)
        CHECK_EQ(blocks[size_class], 0);
}

static void *use_together(void *number)
{
    size_t blocks[CLASS_COUNT];
    size_t threads;
    use_at_random((uintptr_t)number + 60, 6000, false);
    thread_cache_count_blocks(blocks, &threads);
    CHECK(threads >= 1 && threads <= UNIT_THREADS);
    unified_cache_thread_exit();
    return NULL;
}

static void random_use(void)
{
    CHECK(reservation_make());
    settings.decay_ms = -1;
    run_in_thread(use_alone);
    check_all_back();
    unit_run_threads(use_together);
    check_all_back();
}

/* ---- the budget: what all bins of a thread may hold together ---- */

static void fill_all_bins(void)
{
    static void *blocks[64];
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        unsigned count = size_classes[size_class].size < 64 * KIB ? 64 : 3;
        for (unsigned i = 0; i < count; i++)
            blocks[i] = alloc_class(size_class);
        for (unsigned i = 0; i < count; i++)
            free_class(size_class, blocks[i]);
    }
    size_t bytes = 0;
    size_t allowed = 0;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_ACE_LAST; size_class++) {
        bytes += count_of(size_class) * (size_t)size_classes[size_class].size;
        allowed += limit_of(size_class) * (size_t)size_classes[size_class].size;
    }
    CHECK_EQ(own_cache()->granted, allowed);
    CHECK(allowed <= (size_t)settings.thread_cache_max);
    CHECK(bytes <= allowed);
    CHECK(settings.thread_cache_max < (int64_t)MIB || bytes > MIB / 2);
    check_structure();
}

static void budget(void)
{
    static const int64_t budgets[] = {0, 1000, 64 * KIB, 4 * MIB, GIB};
    CHECK(reservation_make());
    settings.decay_ms = -1;
    for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
        /* from the smallest up: an ended thread's cache keeps what it was granted */
        settings.thread_cache_max = budgets[i];
        run_in_thread(fill_all_bins);
        check_all_back();
    }
}

/* The share of each has become less: a few slow paths of one class bring the rest within it. */
static void fill_and_lose_share(void)
{
    static void *blocks[200];
    unsigned size_class = size_class_of(KIB);
    fill_all_bins();
    settings.thread_cache_max = 256 * KIB;
    CHECK(own_cache()->granted > (size_t)settings.thread_cache_max);
    for (unsigned i = 0; i < 200; i++)
        blocks[i] = alloc_class(size_class);
    for (unsigned i = 0; i < 200; i++)
        free_class(size_class, blocks[i]);
    CHECK(own_cache()->granted <= (size_t)settings.thread_cache_max);
    check_structure();
}

static void lost_share(void)
{
    CHECK(reservation_make());
    settings.decay_ms = -1;
    settings.thread_cache_max = GIB;
    run_in_thread(fill_and_lose_share);
    check_all_back();
}

/* ---- misuse ---- */

static void free_twice(void)
{
    CHECK(reservation_make());
    void *block = alloc_class(SMALL);
    free_class(SMALL, block);
    free_class(SMALL, block);
}

static void free_inside(void)
{
    CHECK(reservation_make());
    free_class(9, (char *)alloc_class(9) + 8);
}

static void free_span_twice(void)
{
    unsigned size_class = CLASS_POOL_LAST + 1;
    CHECK(reservation_make());
    void *block = alloc_class(size_class);
    free_class(size_class, block);
    free_class(size_class, block);
}

static void judge_planted(void)
{
    CHECK(reservation_make());
    void *first = alloc_class(SMALL);
    void *second = alloc_class(SMALL);
    free_class(SMALL, first);
    free_class(SMALL, second);
    unified_cache_judge();
    own_cache()->top[SMALL][-1] = first;
    unified_cache_judge();
}

CHILD_TEST(life)
CHILD_TEST(refill_and_growth)
CHILD_TEST(random_use)
CHILD_TEST(budget)
CHILD_TEST(lost_share)

static void test_misuse(void **state)
{
    (void)state;
    CHECK_ABORTS(free_twice, "double free of a 16-byte block");
    CHECK_ABORTS(free_inside, "not the start of a block, but inside one of 144 bytes");
    CHECK_ABORTS(free_span_twice, "double free of a 57344-byte block");
    CHECK_ABORTS(judge_planted, "double free of a 16-byte block");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),       cmocka_unit_test(test_refill_and_growth),
        cmocka_unit_test(test_random_use), cmocka_unit_test(test_budget),
        cmocka_unit_test(test_lost_share), cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
