/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane/pool_lists.c: the list of a slab by its fullness, which slab is the fullest or the
 * last, and a walk that goes on while slabs change their lists. The slabs are records alone.
 */
#include "unit/unit.h"

#include "lane/pool_lists.h"

#define BLOCKS 64
#define COUNT 12

static struct pool_class pool;
static struct slab slabs[COUNT];

/* Slabs in no list; one in three is full. */
static int set_up(void **state)
{
    (void)state;
    memset(&pool, 0, sizeof(pool));
    memset(slabs, 0, sizeof(slabs));
    for (unsigned i = 0; i < COUNT; i++) {
        pooled(&slabs[i])->block_count = BLOCKS;
        pooled(&slabs[i])->free_count = (uint16_t)(i % 3 == 0 ? 0 : 1 + 5 * i);
    }
    return 0;
}

static void add_all(void)
{
    for (unsigned i = 0; i < COUNT; i++)
        pool_list_add(&pool, &slabs[i]);
}

static void check_lists(unsigned wanted)
{
    unsigned count = 0;
    for (unsigned list = 0; list < POOL_LISTS; list++)
        for (const struct slab *slab = pool.lists[list], *prev = NULL; slab;
             prev = slab, slab = slab->next, count++) {
            CHECK_EQ(slab->list, list);
            CHECK_EQ(pool_list_of(slab), list);
            CHECK(slab->prev == prev);
        }
    CHECK_EQ(count, wanted);
}

static void set_free(struct slab *slab, unsigned count)
{
    pooled(slab)->free_count = (uint16_t)count;
    pool_relist(&pool, slab);
}

/* From full to empty the lists go down, one at a time. */
static void test_list_of(void **state)
{
    struct slab *one = calloc(1, sizeof(*one));
    struct pool_slab *counts = pooled(one);
    (void)state;
    CHECK(one != NULL);
    counts->block_count = 64;
    unsigned previous = POOL_LIST_FULL;
    CHECK_EQ(pool_list_of(one), POOL_LIST_FULL);
    for (counts->free_count = 1; counts->free_count <= 64; counts->free_count++) {
        unsigned list = pool_list_of(one);
        CHECK(list < POOL_LIST_FULL && list <= previous);
        previous = list;
    }
    CHECK_EQ(previous, 0);
    free(one);
}

static void test_add_and_remove(void **state)
{
    (void)state;
    check_lists(0);
    CHECK(pool_fullest(&pool) == NULL);
    add_all();
    check_lists(COUNT);
    for (unsigned i = 0; i < COUNT; i += 2) { /* first, middle and last ones */
        pool_list_remove(&pool, &slabs[i]);
        check_lists(COUNT - i / 2 - 1);
    }
    for (unsigned free_count = 0; free_count <= BLOCKS; free_count++) {
        set_free(&slabs[1], free_count);
        check_lists(COUNT / 2);
    }
}

static void test_fullest(void **state)
{
    (void)state;
    pool_list_add(&pool, &slabs[0]); /* full: it has none to give */
    CHECK(pool_fullest(&pool) == NULL);
    pool_list_add(&pool, &slabs[11]);
    CHECK(pool_fullest(&pool) == &slabs[11]);
    CHECK(pool_is_last(&pool, &slabs[11]));
    pool_list_add(&pool, &slabs[1]);
    CHECK(pool_fullest(&pool) == &slabs[1]);
    CHECK(!pool_is_last(&pool, &slabs[11]));
    CHECK(!pool_is_last(&pool, &slabs[1]));
    set_free(&slabs[1], BLOCKS); /* two in one list */
    CHECK(!pool_is_last(&pool, &slabs[1]) && !pool_is_last(&pool, &slabs[11]));
}

/* Each slab of the lists from the first to that of the emptiest, once. */
static void test_walk(void **state)
{
    unsigned seen = 0;
    (void)state;
    CHECK(pool_walk_next(&pool) == NULL); /* none is under way */
    add_all();
    for (unsigned first = 0; first < POOL_LISTS; first++) {
        unsigned wanted = 0;
        unsigned list = first;
        for (unsigned i = 0; i < COUNT; i++)
            wanted += slabs[i].list <= first;
        pool_walk_begin(&pool, first);
        seen = 0;
        for (struct slab *slab; (slab = pool_walk_next(&pool)); seen++) {
            CHECK(slab->list <= list);
            list = slab->list;
        }
        CHECK_EQ(seen, wanted);
        CHECK(pool_walk_next(&pool) == NULL);
    }
}

/* The next slab of a walk leaves, or drains: the walk goes on, and misses none that stays. */
static void test_walk_meanwhile(void **state)
{
    unsigned seen = 0;
    (void)state;
    add_all();
    pool_walk_begin(&pool, POOL_LIST_FULL);
    for (unsigned i = 0; i < COUNT / 3; i++) {
        struct slab *next = pool.scan;
        CHECK(next != NULL);
        if (i == 1)
            pool_list_remove(&pool, next);
        else
            set_free(next, BLOCKS);
    }
    for (struct slab *slab; (slab = pool_walk_next(&pool)); seen++)
        CHECK(slab->list < POOL_LIST_FULL);
    CHECK_EQ(seen, COUNT - 1);
    check_lists(COUNT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_list_of, set_up),
        cmocka_unit_test_setup(test_add_and_remove, set_up),
        cmocka_unit_test_setup(test_fullest, set_up),
        cmocka_unit_test_setup(test_walk, set_up),
        cmocka_unit_test_setup(test_walk_meanwhile, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
