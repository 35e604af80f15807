/* SPDX-License-Identifier: MIT */
/*
 * Tests of stack/expression.c: the expressions that compilers and linkers write, as parts of small
 * programs; and those that have no value before the registers are known.
 */
#include "unit/cfa_program.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
