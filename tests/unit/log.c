/* SPDX-License-Identifier: MIT */
/* Tests of base/log.c: formats, truncation, the prefix, errno, and the end of the program. */
#include "unit/unit.h"

#include <limits.h>

static void check_text(const char *expected, const char *text, size_t length)
{
    if (strcmp(text, expected) != 0 || length != strlen(expected))
        fprintf(stderr, "expected \"%s\", got \"%s\"\n", expected, text);
    CHECK(strcmp(text, expected) == 0);
    CHECK_EQ(length, strlen(expected));
}

#define CHECK_FORMAT(expected, ...)                                                                \
    do {                                                                                           \
        char text_[128];                                                                           \
        size_t length_ = text_format(text_, sizeof(text_), __VA_ARGS__);                           \
        check_text(expected, text_, length_);                                                      \
    } while (0)

static void test_formats(void **state)
{
    (void)state;
    CHECK_FORMAT("plain", "plain");
    CHECK_FORMAT("a b%", "%s %c%%", "a", 'b');
    CHECK_FORMAT("0 -1 2147483647", "%d %d %d", 0, -1, INT_MAX);
    CHECK_FORMAT("-2147483648", "%d", INT_MIN);
    CHECK_FORMAT("0 4294967295", "%u %u", 0u, UINT_MAX);
    CHECK_FORMAT("18446744073709551615", "%lu", ULONG_MAX);
    CHECK_FORMAT("18446744073709551615", "%zu", SIZE_MAX);
    CHECK_FORMAT("-9223372036854775808", "%ld", LONG_MIN);
    CHECK_FORMAT("0x1234abcdef", "%p", (void *)0x1234abcdef);
    CHECK_FORMAT("0x0", "%p", NULL);
    CHECK_FORMAT("1/2/x/3", "%u/%zu/%s/%lu", 1u, (size_t)2, "x", 3ul);
}

static void test_truncation(void **state)
{
    char text[8];
    (void)state;
    memset(text, 'z', sizeof(text));
    CHECK_EQ(text_format(text, 0, "%s", "abc"), 0);
    CHECK_EQ(text[0], 'z');
    check_text("", text, text_format(text, 1, "%s", "abc"));
    CHECK_EQ(text[1], 'z');
    check_text("abcd", text, text_format(text, 5, "%s", "abcdefgh"));
    CHECK_EQ(text[5], 'z');
    check_text("123", text, text_format(text, 4, "%u", 123456u));
    check_text("1234567", text, text_format(text, 8, "%u", 1234567u));
}

static char long_text[2 * LOG_LINE_MAX];

static void write_lines(void)
{
    log_line("%s is %u", "x", 7u);
    log_plain("[tag] %d", -7);
    log_line("%s", long_text);
    log_plain("%s", long_text);
    log_line("end");
}

static void test_lines(void **state)
{
    static struct unit_child child;
    char expected[64];
    (void)state;
    memset(long_text, 'q', sizeof(long_text) - 1);
    unit_run_child(write_lines, &child);
    CHECK_EQ(child.status, 0);
    size_t length = (size_t)snprintf(expected, sizeof(expected), "hakmem: [%d] x is 7\n[tag] -7\n",
                                     (int)child.pid);
    CHECK(strncmp(child.text, expected, length) == 0);
    char *third = child.text + length;
    CHECK_EQ(strcspn(third, "\n") + 1, LOG_LINE_MAX);
    char *fourth = third + LOG_LINE_MAX;
    CHECK_EQ(strcspn(fourth, "\n") + 1, LOG_LINE_MAX);
    CHECK_EQ(fourth[0], 'q');
    snprintf(expected, sizeof(expected), "hakmem: [%d] end\n", (int)child.pid);
    CHECK(strcmp(fourth + LOG_LINE_MAX, expected) == 0);
}

/* Nothing can be written, and errno stays. */
static void write_nowhere(void)
{
    close(STDERR_FILENO);
    errno = 77;
    log_line("lost");
    log_plain("lost");
    if (errno != 77)
        _exit(2);
}

static void test_errno_is_kept(void **state)
{
    (void)state;
    CHECK_CHILD(write_nowhere);
}

static void abort_with_line(void)
{
    log_abort("the end of %s, %u", "it", 1u);
}

static void test_abort(void **state)
{
    (void)state;
    CHECK_ABORTS(abort_with_line, "] the end of it, 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_errno_is_kept),
        cmocka_unit_test(test_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
