/* SPDX-License-Identifier: MIT */
/*
 * Tests of stack/cfa.c: small programs made by hand, whose rules are known, directly and copied;
 * and programs that make no sense.
 */
#include "unit/cfa_program.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_wrong_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
