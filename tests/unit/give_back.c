/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/give_back.c: sound blocks and spans go to their lanes, and nothing that is at
 * fault does: one that is given twice, has been given already, or does not start a block.
 */
#include "unit/own_cache.h"

#include "front/give_back.h"

#define SMALL 8
#define SPAN (CLASS_POOL_LAST + 5)

static void take(unsigned size_class, void *blocks[3])
{
    bool is_zero;
    for (unsigned i = 0; i < 3; i++)
        if (is_ace_class(size_class))
            CHECK((blocks[i] = ace_take(size_class, NULL, &is_zero)) != NULL);
        else
            CHECK_EQ(pool_take(&shared_pool, size_class, &blocks[i], 1), 1);
}

static void check_class(unsigned size_class)
{
    void *blocks[3];
    take(size_class, blocks);
    void *twice[] = {blocks[0], blocks[1], blocks[0]};
    void *inside[] = {blocks[2], (char *)blocks[1] + BLOCK_ALIGN / 2};
    CHECK_EQ(give_back_judge(size_class, blocks, 3).fault, FAULT_NONE);
    struct verdict verdict = give_back_judge(size_class, twice, 3);
    CHECK(verdict.fault == FAULT_DOUBLE_FREE && verdict.block == blocks[0]);
    verdict = give_back_judge(size_class, inside, 2);
    CHECK(verdict.fault == FAULT_NOT_START && verdict.block == inside[1]);
    CHECK_EQ(give_back_blocks(size_class, blocks, 2).fault, FAULT_NONE);
    verdict = give_back_blocks(size_class, blocks, 1); /* once more */
    CHECK(verdict.fault == FAULT_DOUBLE_FREE && verdict.block == blocks[0]);
    CHECK_EQ(give_back_blocks(size_class, blocks + 2, 1).fault, FAULT_NONE);
    check_structure();
}

static void test_blocks(void **state)
{
    (void)state;
    check_class(SMALL);
    CHECK_EQ(blocks_out(SMALL), 0);
}

static void test_spans(void **state)
{
    (void)state;
    check_class(SPAN);
    CHECK_EQ(span_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_spans),
    };
    settings.decay_ms = -1;
    if (!reservation_make())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
