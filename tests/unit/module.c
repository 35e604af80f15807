/* SPDX-License-Identifier: MIT */
/*
 * Tests of stack/module.c: which file has an address, asked of libc and by /proc/self/maps; the
 * reader of a file's tables has the file's bounds.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

#include <sys/auxv.h>

static bool holds(const struct unwind_module *module, uintptr_t pc)
{
    return module->start <= pc && pc < module->end && module->start <= module->header &&
           module->header < module->end;
}

static void check_files(void)
{
    struct unwind_module program;
    struct unwind_module library;
    struct unwind_module none;
    struct reader reader;
    struct budget budget = {.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
    CHECK(module_find((uintptr_t)check_files, &program));
    CHECK(holds(&program, (uintptr_t)check_files));
    CHECK_EQ(program.lifetime, MODULE_LASTS);
    CHECK(module_find((uintptr_t)qsort, &library));
    CHECK(holds(&library, (uintptr_t)qsort));
    CHECK(library.identity != program.identity && library.start != program.start);
    CHECK(!module_is_vdso(&program) && !module_is_vdso(&library));
    CHECK(!module_find((uintptr_t)&none, &none));
    CHECK(!module_find(0, &none));
    CHECK(module_open(&program, &reader, &budget));
    CHECK(reader.low <= program.header && program.header < reader.high);
    CHECK_EQ(reader_number(&reader, program.header, 1), 1); /* the version of the table */
    CHECK(module_open(&library, &reader, &budget));
    CHECK_EQ(reader_number(&reader, library.header, 1), 1);
}

static void ask_libc(void)
{
    stack_start();
    check_files();
    stack_start(); /* again: nothing changes */
    check_files();
}

static void read_maps(void)
{
    struct unwind_module module;
    module_use_maps();
    CHECK(!module_find((uintptr_t)qsort, &module)); /* not started */
    stack_start();
    check_files();
    CHECK(module_find((uintptr_t)qsort, &module));
    CHECK_EQ(module.lifetime, MODULE_MAY_VANISH);
}

static void find_vdso(void)
{
    struct unwind_module module;
    uintptr_t start = getauxval(AT_SYSINFO_EHDR);
    stack_start();
    if (start != 0 && module_find(start, &module))
        CHECK(module_is_vdso(&module));
}

static void test_libc(void **state)
{
    (void)state;
    CHECK_CHILD(ask_libc);
}

static void test_maps(void **state)
{
    (void)state;
    CHECK_CHILD(read_maps);
}

static void test_vdso(void **state)
{
    (void)state;
    CHECK_CHILD(find_vdso);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libc),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_vdso),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
