/* SPDX-License-Identifier: MIT */
/*
 * For tests of rules: runs instructions that a test has written by hand, as those of a function
 * whose CFA is 8 above the stack pointer at its start.
 */
#ifndef HAK_UNIT_CFA_PROGRAM_H
#define HAK_UNIT_CFA_PROGRAM_H

#include "unit/unit.h"

#include "stack/unwind.h"

#define RA STACK_RETURN
#define SP STACK_SP
#define FP STACK_FP
#define FP_SLOT ((unsigned)rule_slot(FP))

static struct budget budget;

/* Run the instructions as a function's, up to a place; `copies`: see struct reader. */
static inline bool run(const uint8_t *program, size_t size, unsigned at, bool copies,
                       struct rule *rule)
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

#endif
