/* SPDX-License-Identifier: MIT */
/*
 * Tests of program/loader.c: why a program has not loaded a library. The loader of this machine is
 * asked about a library that is none; programs that are not found, scripts and texts are not
 * guessed about.
 */
#include "unit/unit.h"

#include <sys/stat.h>

#include "program/loader.h"

static char directory[] = "/tmp/hakmem-loader.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    unlink("text");
    return chdir("/") == 0 && rmdir(directory) == 0 ? 0 : -1;
}

static void write_text(const char *text)
{
    FILE *file = fopen("text", "w");
    CHECK(file != NULL);
    fputs(text, file);
    CHECK_EQ(fclose(file), 0);
    CHECK_EQ(chmod("text", 0755), 0);
}

static void check_explained(const char *program, const char *expected)
{
    const char *reason = loader_explain(program);
    bool is_expected = reason && expected ? strcmp(reason, expected) == 0 : reason == expected;
    if (!is_expected)
        fprintf(stderr, "%s: '%s', and not '%s'\n", program, reason, expected);
    CHECK(is_expected);
}

static void the_loader_is_asked(void **state)
{
    (void)state;
    write_text("nonsense");
    setenv("LD_PRELOAD", "./text", 1);
    check_explained("/proc/self/exe", "not loaded: file too short");
    unsetenv("LD_PRELOAD");
    check_explained("/proc/self/exe", NULL);
}

static void nothing_is_guessed(void **state)
{
    (void)state;
    setenv("LD_PRELOAD", "/dev/null", 1);
    check_explained("no-such-program", NULL);
    check_explained("./no-such-program", NULL);
    check_explained("", NULL);
    check_explained("/", NULL);
    write_text("#!/bin/sh\n");
    check_explained("./text", NULL);
    write_text("\177ELF");
    check_explained("./text", "it is no program of 64 bits, and the library is");
    write_text("");
    check_explained("./text", NULL);
    unsetenv("LD_PRELOAD");
}

static void a_library_is_tried(void **state)
{
    (void)state;
    char reason[64];
    write_text("nonsense");
    CHECK(!loader_can_preload("./text", reason, sizeof(reason)));
    CHECK(strcmp(reason, "file too short") == 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loader_is_asked),
        cmocka_unit_test(nothing_is_guessed),
        cmocka_unit_test(a_library_is_tried),
    };
    /* loader_can_preload starts this program, as it would start the command */
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return 0;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
