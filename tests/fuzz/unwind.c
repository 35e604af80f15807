/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: unwind tables. The first byte says what the rest of the input is: a whole
 * .eh_frame_hdr and .eh_frame; or the instructions of one function, in tables that are right but
 * for them; or the expression that gives the function's CFA. The tables are in memory of their own
 * exact size, so that the address sanitizer sees each read beyond it. Copied and direct reads must
 * give the same rule, and a walk with that rule must come to an end.
 */
#include <stdlib.h>
#include <string.h>

#include "stack/unwind.h"

#define TABLES_MAX 4096
#define CODE_BYTES 0x10000u
#define FRAMES 16

enum shape { SHAPE_RAW, SHAPE_PROGRAM, SHAPE_EXPRESSION, SHAPES };

/* Purpose: tables under construction. */
struct tables {
    uint8_t bytes[TABLES_MAX];
    size_t size;
};

static void put(struct tables *tables, const void *bytes, size_t size)
{
    if (size > TABLES_MAX - tables->size)
        abort();
    memcpy(tables->bytes + tables->size, bytes, size);
    tables->size += size;
}

static void put_number(struct tables *tables, uint64_t number, size_t size)
{
    put(tables, &number, size);
}

static void put_length(struct tables *tables, size_t at)
{
    uint32_t length = (uint32_t)(tables->size - at - 4);
    memcpy(tables->bytes + at, &length, 4);
}

/* A header with one function, whose code begins CODE_BYTES before the tables. */
static void make_tables(struct tables *tables, const uint8_t *program, size_t size)
{
    static const uint8_t common[] = {1, 'z', 'R', 'S', 0, 1, 0x78, STACK_RETURN, 1, 0x1b};
    const uint8_t start[] = {0x0c, STACK_SP, 8, 0x80 | STACK_RETURN, 1, 0, 0};
    put_number(tables, 0x3b031b01, 4);
    put_number(tables, 0, 4);
    put_number(tables, 1, 4);
    put_number(tables, -(uint64_t)CODE_BYTES, 4);
    size_t place = tables->size;
    put_number(tables, 0, 4);
    size_t cie = tables->size;
    put_number(tables, 0, 8);
    put(tables, common, sizeof(common));
    put(tables, start, sizeof(start));
    put_length(tables, cie);
    size_t fde = tables->size;
    memcpy(tables->bytes + place, &(uint32_t){(uint32_t)fde}, 4);
    put_number(tables, 0, 4);
    put_number(tables, fde + 4 - cie, 4);
    put_number(tables, -(uint64_t)CODE_BYTES - tables->size, 4);
    put_number(tables, CODE_BYTES, 4);
    put_number(tables, 0, 1);
    put(tables, program, size);
    put_length(tables, fde);
}

static void make_expression(struct tables *tables, const uint8_t *operations, size_t size)
{
    uint8_t program[130] = {0x0f};
    size = size < 127 ? size : 127;
    program[1] = (uint8_t)size;
    memcpy(program + 2, operations, size);
    make_tables(tables, program, size + 2);
}

static bool find(const uint8_t *tables, size_t size, uintptr_t pc, bool copies, struct rule *rule)
{
    struct budget budget = {.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
    struct reader reader;
    struct unwind_entry entry;
    uintptr_t low = (uintptr_t)tables;
    memset(rule, 0, sizeof(*rule));
    reader_open(&reader, low, low + size, copies, &budget);
    bool is_found = table_find(&reader, low, pc, &entry) && cfa_rule(&entry, pc, rule);
    if (is_found && rule->cfa_register >= STACK_REGISTERS)
        abort();
    /* nothing is said of a search that has come to the end of its budget */
    if (budget.copies == 0 || budget.reads == 0)
        memset(rule, 0, sizeof(*rule));
    return is_found && budget.copies > 0 && budget.reads > 0;
}

/* Walk from here as if this function had the rule. */
static void walk(const struct rule *rule)
{
    static bool is_started;
    uint64_t frames[FRAMES];
    struct unwind_module module;
    struct stack_registers registers;
    if (!is_started)
        stack_start();
    is_started = true;
    stack_capture(&registers);
    uintptr_t pc = registers.value[STACK_PC];
    if (!module_find(pc, &module))
        abort();
    rule_cache_put(pc, module.identity, rule);
    size_t count = stack_walk(&registers, frames, FRAMES);
    if (count == 0 || count > FRAMES || frames[0] != pc)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tables tables;
    struct rule direct;
    struct rule copied;
    if (size < 3 || size > TABLES_MAX - 256)
        return 0;
    unsigned shape = data[0] % SHAPES;
    unsigned place = data[1] | (unsigned)data[2] << 8;
    tables.size = 0;
    data += 3;
    size -= 3;
    if (shape == SHAPE_RAW)
        put(&tables, data, size);
    else if (shape == SHAPE_PROGRAM)
        make_tables(&tables, data, size);
    else
        make_expression(&tables, data, size);
    uint8_t *memory = malloc(tables.size);
    if (!memory)
        return 0;
    memcpy(memory, tables.bytes, tables.size);
    uintptr_t pc = (uintptr_t)memory - CODE_BYTES + place;
    bool is_found = find(memory, tables.size, pc, false, &direct);
    bool is_found_again = find(memory, tables.size, pc, true, &copied);
    free(memory);
    if (is_found && is_found_again && memcmp(&direct, &copied, offsetof(struct rule, flags)) != 0)
        abort();
    if (is_found)
        walk(&direct);
    return 0;
}
