/* SPDX-License-Identifier: MIT */
/* Tests of base/printable.c: what stays of text from outside. */
#include "unit/unit.h"

static void check(const char *expected, const char *given)
{
    char text[64];
    snprintf(text, sizeof(text), "%s", given);
    size_t length = text_make_printable(text);
    if (strcmp(text, expected) != 0)
        fprintf(stderr, "expected \"%s\", got \"%s\"\n", expected, text);
    CHECK(strcmp(text, expected) == 0);
    CHECK_EQ(length, strlen(expected));
}

static void test_what_stays(void **state)
{
    (void)state;
    check("", "");
    check("plain ~ \"<&", "plain ~ \"<&");
    check("\303\244 \342\202\254 \360\237\230\200", "\303\244 \342\202\254 \360\237\230\200");
}

static void test_controls(void **state)
{
    (void)state;
    check("a?b?c?", "a\nb\033c\177");
    check("?x?\302\240", "\302\200x\302\237\302\240");
    check("\342\200\247???\342\200\257",
          "\342\200\247\342\200\250\342\200\252\342\200\256\342\200\257");
    check("??\342\201\252", "\342\201\246\342\201\251\342\201\252");
    check("???", "\330\234\342\200\216\342\200\217");
}

static void test_no_utf8(void **state)
{
    (void)state;
    check("?a", "\377a");
    check("?", "\303");
    check("??a", "\342\202a");
    check("??", "\300\200");           /* long forms */
    check("???", "\355\240\200");      /* a surrogate */
    check("????", "\364\220\200\200"); /* beyond Unicode */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_stays),
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_no_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
