/* SPDX-License-Identifier: MIT */
/*
 * Tests of stack/table.c: the tables of the test itself, whole and cut short at each byte, and
 * addresses that have no function.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

static struct budget budget;

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
