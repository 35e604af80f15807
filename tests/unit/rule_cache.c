/* SPDX-License-Identifier: MIT */
/*
 * Tests of stack/rule_cache.c: a rule is found by its place and its file only; a cache that threads
 * write at the same time gives whole rules only.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

#define PLACES 3000
#define LOOPS (UNIT_SANITIZED ? 20000 : 300000)

/* Each rule is made from a number, which it shows in all its fields. */
static struct rule rule_from(uint64_t number)
{
    struct rule rule = {.cfa_offset = (int32_t)number};
    for (unsigned i = 0; i < RULE_SLOTS; i++) {
        rule.offset[i] = (int32_t)(number * (i + 3));
        rule.how[i] = (uint8_t)(number >> (i % 8));
    }
    return rule;
}

static void *use_cache(void *number)
{
    uint64_t random = (uintptr_t)number + 1;
    size_t hits = 0;
    for (unsigned i = 0; i < LOOPS; i++) {
        struct rule rule;
        uintptr_t pc = 0x1000 + unit_random(&random, PLACES) % (i % 2 ? PLACES : 4);
        if (rule_cache_get(pc, 7, &rule)) {
            /* whatever writer it is from, it is one writer's */
            struct rule whole = rule_from((uint32_t)rule.cfa_offset);
            CHECK(memcmp(&whole, &rule, offsetof(struct rule, how) + RULE_SLOTS) == 0);
            hits++;
        }
        rule = rule_from(random_next(&random) & 0xffffffff);
        rule_cache_put(pc, 7, &rule);
    }
    CHECK(hits > LOOPS / 10);
    return NULL;
}

static void test_cache(void **state)
{
    (void)state;
    struct rule rule = rule_from(5);
    struct rule found;
    CHECK(!rule_cache_get(1, 2, &found));
    rule_cache_put(1, 2, &rule);
    CHECK(rule_cache_get(1, 2, &found) && found.offset[0] == rule.offset[0]);
    CHECK(!rule_cache_get(1, 3, &found));
    CHECK(!rule_cache_get(2, 2, &found));
    unit_run_threads(use_cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
