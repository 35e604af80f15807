/* SPDX-License-Identifier: MIT */
/*
 * Tests of src/stack/reader.c, expression.c, cfa.c, table.c and rule_cache.c: small tables made by
 * hand, whose rules are known, directly and copied; each of them cut short at each byte; and a
 * cache that threads write at the same time, which gives whole rules only.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

#define RA STACK_RETURN
#define SP STACK_SP
#define FP STACK_FP
#define FP_SLOT ((unsigned)rule_slot(FP))

static struct budget budget;

/* Run the instructions as a function's, up to a place; `copies`: see struct reader. */
static bool run(const uint8_t *program, size_t size, unsigned at, bool copies, struct rule *rule)
{
    static const uint8_t common[] = {0x0c, SP, 8, 0x80 | RA, 1};
    struct reader first;
    struct reader second;
    budget = (struct budget){.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
    reader_open(&first, (uintptr_t)common, (uintptr_t)(common + sizeof(common)), false, &budget);
    reader_open(&second, (uintptr_t)program, (uintptr_t)(program + size), copies, &budget);
    struct unwind_entry entry = {
        .start = 0x1000,
        .end = 0x2000,
        .code_factor = 1,
        .data_factor = -8,
        .common = {&first, first.low, first.high},
        .own = {&second, second.low, second.high},
    };
    return cfa_rule(&entry, 0x1000 + at, rule);
}

#define PROGRAM(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void test_programs(void **state)
{
    (void)state;
    struct rule rule;
    for (unsigned copies = 0; copies < 2; copies++) {
        /* a frame pointer is pushed and set at 1 and 4, and popped at 9 */
        static const uint8_t usual[] = {0x41, 0x0e, 16,   0x80 | FP, 2, 0x43,      0x0d, FP,
                                        0x0a, 0x45, 0x0c, SP,        8, 0xc0 | FP, 0x41, 0x0b};
        CHECK(run(usual, sizeof(usual), 0, copies, &rule));
        CHECK(rule.cfa_register == SP && rule.cfa_offset == 8);
        CHECK_EQ(rule.how[FP_SLOT], HOW_SAME);
        CHECK_EQ(rule.how[RULE_RETURN_SLOT], HOW_AT_CFA);
        CHECK_EQ(rule.offset[RULE_RETURN_SLOT], -8);
        CHECK(run(usual, sizeof(usual), 1, copies, &rule));
        CHECK(rule.cfa_register == SP && rule.cfa_offset == 16);
        CHECK(rule.how[FP_SLOT] == HOW_AT_CFA && rule.offset[FP_SLOT] == -16);
        CHECK(run(usual, sizeof(usual), 8, copies, &rule));
        CHECK(rule.cfa_register == FP && rule.cfa_offset == 16);
        CHECK(run(usual, sizeof(usual), 9, copies, &rule));
        CHECK(rule.cfa_register == SP && rule.cfa_offset == 8);
        CHECK_EQ(rule.how[FP_SLOT], HOW_SAME);
        CHECK(run(usual, sizeof(usual), 10, copies, &rule));
        CHECK(rule.cfa_register == FP && rule.cfa_offset == 16);
        CHECK_EQ(rule.how[FP_SLOT], HOW_AT_CFA);
    }
    CHECK(run(PROGRAM(0x02, 5, 0x03, 0, 1, 0x04, 0, 0, 1, 0, 0x0e, 24), 0x10105, false, &rule));
    CHECK_EQ(rule.cfa_offset, 24);
    CHECK(run(PROGRAM(0x14, FP, 3, 0x07, RA, 0x2e, 16, 0x13, 0x7d), 0, false, &rule));
    CHECK(rule.how[FP_SLOT] == HOW_IS_CFA && rule.offset[FP_SLOT] == -24);
    CHECK_EQ(rule.how[RULE_RETURN_SLOT], HOW_UNKNOWN);
    CHECK_EQ(rule.cfa_offset, 24);
    CHECK(run(PROGRAM(0x2f, FP, 3, 0x09, RA, FP), 0, false, &rule));
    CHECK(rule.how[FP_SLOT] == HOW_AT_CFA && rule.offset[FP_SLOT] == 24);
    CHECK_EQ(rule.how[RULE_RETURN_SLOT], rule_how(HOW_IS_REGISTER, FP));
}

static void test_expressions(void **state)
{
    (void)state;
    struct rule rule;
#if defined(__x86_64__)
    /* an entry of a PLT: 8 more after the push, which is 11 bytes into each 16 */
    static const uint8_t plt[] = {0x0f, 11,   0x77, 8,    0x80, 0,   0x3f,
                                  0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22};
    CHECK(run(plt, sizeof(plt), 0x10a, false, &rule));
    CHECK(rule.cfa_register == SP && rule.cfa_offset == 8);
    CHECK(run(plt, sizeof(plt), 0x10b, false, &rule));
    CHECK(rule.cfa_register == SP && rule.cfa_offset == 16);
#endif
    /* an aligned stack: the CFA is in memory, a register elsewhere */
    CHECK(run(PROGRAM(0x0f, 3, 0x70 + FP, 0x78, 0x06, 0x10, FP, 2, 0x70 + FP, 0), 0, true, &rule));
    CHECK(rule.cfa_register == FP && rule.cfa_offset == -8);
    CHECK(rule.flags & RULE_CFA_IN_MEMORY);
    CHECK_EQ(rule.how[FP_SLOT], rule_how(HOW_AT_REGISTER, FP));
    CHECK(run(PROGRAM(0x16, FP, 2, 0x23, 8), 0, false, &rule));
    CHECK(rule.how[FP_SLOT] == HOW_IS_CFA && rule.offset[FP_SLOT] == 8);
    CHECK(run(PROGRAM(0x16, FP, 1, 0x06), 0, false, &rule));
    CHECK(rule.how[FP_SLOT] == HOW_AT_CFA && rule.offset[FP_SLOT] == 0);
    /* a number, a word in memory at a word in memory, a sum of registers, no value, a jump */
    CHECK(!run(PROGRAM(0x0f, 1, 0x35), 0, false, &rule));
    CHECK(!run(PROGRAM(0x0f, 4, 0x70 + FP, 0, 0x06, 0x06), 0, false, &rule));
    CHECK(!run(PROGRAM(0x0f, 5, 0x70 + FP, 0, 0x70 + SP, 0, 0x22), 0, false, &rule));
    CHECK(!run(PROGRAM(0x0f, 0), 0, false, &rule));
    CHECK(!run(PROGRAM(0x0f, 3, 0x2f, 0xfd, 0xff), 0, false, &rule));
}

static void test_wrong_programs(void **state)
{
    (void)state;
    struct rule rule;
    CHECK(!run(PROGRAM(0x3f, 0), 0, false, &rule)); /* not known */
    CHECK(!run(PROGRAM(0x0b), 0, false, &rule));    /* never remembered */
    CHECK(!run(PROGRAM(0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a), 0, false, &rule));
    CHECK(!run(PROGRAM(0x0c, 0x7f, 8), 0, false, &rule)); /* no such register */
    CHECK(!run(PROGRAM(0x0e, 0x80, 0x80, 0x80, 0x80, 0x10), 0, false, &rule)); /* too far */
    CHECK(!run(PROGRAM(0x0e, 0x80, 0x80), 0, false, &rule));                   /* cut short */
    CHECK(!run(PROGRAM(0x0f, 0x7f, 0x35), 0, false, &rule));
}

/* The tables of this program, cut short: each reader has a little more of them. */
static void test_cut(void **state)
{
    (void)state;
    struct unwind_module module;
    struct unwind_entry entry;
    struct reader reader;
    struct rule rule;
    uintptr_t pc = (uintptr_t)test_cut + 1;
    stack_start();
    CHECK(module_find(pc, &module));
    budget = (struct budget){.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
    CHECK(module_open(&module, &reader, &budget));
    uintptr_t high = reader.high;
    CHECK(table_find(&reader, module.header, pc, &entry) && cfa_rule(&entry, pc, &rule));
    unsigned found = 0;
    for (uintptr_t cut = module.header; cut < high; cut++) {
        budget = (struct budget){.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
        reader_open(&reader, module.header, cut, false, &budget);
        found += table_find(&reader, module.header, pc, &entry) && cfa_rule(&entry, pc, &rule);
    }
    CHECK(found < high - module.header);
    reader_open(&reader, high, high + 1, false, &budget);
    CHECK(!table_find(&reader, module.header, pc, &entry));
    /* addresses without a function */
    CHECK(module_open(&module, &reader, &budget));
    CHECK(!table_find(&reader, module.header, module.start, &entry));
    CHECK(!table_find(&reader, module.header, module.end - 1, &entry));
}

/* ---- the cache ---- */

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
        cmocka_unit_test(test_programs),       cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_wrong_programs), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
