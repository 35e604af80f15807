/* SPDX-License-Identifier: MIT */
/*
 * Owns the programs in unwind tables (DW_CFA_*): a program goes through a function's code and says
 * at each place how its caller's registers are found. It runs up to one place, and the rule there
 * is the result. A program may be wrong: each step is bounded by the part of the table that it has,
 * and instructions that are not known give no rule.
 */
#include "stack/unwind.h"

#define REMEMBERED_MAX 6

enum instruction {
    CFA_NOP = 0x00,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE_LOC1 = 0x02,
    CFA_ADVANCE_LOC2 = 0x03,
    CFA_ADVANCE_LOC4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_REGISTER = 0x0d,
    CFA_DEF_CFA_OFFSET = 0x0e,
    CFA_DEF_CFA_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_CFA_SF = 0x12,
    CFA_DEF_CFA_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_NEGATE_RA_STATE_WITH_PC = 0x2c,
    CFA_NEGATE_RA_STATE = 0x2d, /* of aarch64: addresses are always taken without their signature */
    CFA_GNU_ARGS_SIZE = 0x2e,
    CFA_GNU_NEGATIVE_OFFSET = 0x2f,
    CFA_ADVANCE_LOC = 0x40, /* these three have an operand in their low bits */
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0
};
#define CFA_IN_HIGH_BITS 0xc0u
#define CFA_LOW_BITS 0x3fu

/* Purpose: a program that runs. Invariant: remembered_count <= REMEMBERED_MAX. */
struct program {
    const struct unwind_entry *entry;
    struct cursor part;
    uintptr_t pc;
    uintptr_t location;
    bool has_failed;
    unsigned remembered_count;
    struct rule rule;
    struct rule initial; /* after the instructions of the CIE */
    struct rule remembered[REMEMBERED_MAX];
};

static int32_t narrow(struct program *program, int64_t offset)
{
    program->has_failed |= offset != (int32_t)offset;
    return (int32_t)offset;
}

/* ---- rules of registers ---- */

static void set_register(struct program *program, uint64_t number, uint8_t how, int64_t offset)
{
    int slot = rule_slot(number);
    if (slot < 0)
        return;
    program->rule.how[slot] = how;
    program->rule.offset[slot] = narrow(program, offset);
}

static int64_t scaled(struct program *program, int64_t value)
{
    int64_t product;
    program->has_failed |= __builtin_mul_overflow(value, program->entry->data_factor, &product);
    return product;
}

static int64_t scaled_unsigned(struct program *program)
{
    return scaled(program, (int64_t)cursor_unsigned(&program->part));
}

static int64_t scaled_signed(struct program *program)
{
    return scaled(program, cursor_signed(&program->part));
}

static void restore_register(struct program *program, uint64_t number)
{
    int slot = rule_slot(number);
    if (slot < 0)
        return;
    program->rule.how[slot] = program->initial.how[slot];
    program->rule.offset[slot] = program->initial.offset[slot];
}

static void copy_register(struct program *program, uint64_t number)
{
    uint64_t other = cursor_unsigned(&program->part);
    if (other < STACK_REGISTERS)
        set_register(program, number, rule_how(HOW_IS_REGISTER, (unsigned)other), 0);
    else
        program->has_failed = true;
}

/* The expression that follows, with its length before it. */
static bool fold_next(struct program *program, bool begins_with_cfa, struct folded *folded)
{
    uint64_t length = cursor_unsigned(&program->part);
    struct cursor expression = program->part;
    cursor_skip(&program->part, length);
    expression.end = program->part.at;
    bool is_folded = !program->part.reader->has_failed &&
                     expression_fold(expression, program->pc, begins_with_cfa, folded) &&
                     folded->base != FOLDED_NUMBER;
    program->has_failed |= !is_folded;
    return is_folded;
}

/* The register is at the address that an expression gives, or is the expression's value. */
static void set_by_expression(struct program *program, uint64_t number, bool is_address)
{
    struct folded folded;
    if (!fold_next(program, true, &folded))
        return;
    bool is_at = is_address || folded.is_in_memory;
    if (is_address && folded.is_in_memory)
        program->has_failed = true;
    else if (folded.base == FOLDED_CFA)
        set_register(program, number, rule_how(is_at ? HOW_AT_CFA : HOW_IS_CFA, 0),
                     (int64_t)folded.offset);
    else
        set_register(program, number,
                     rule_how(is_at ? HOW_AT_REGISTER : HOW_IS_REGISTER, folded.base),
                     (int64_t)folded.offset);
}

/* ---- the CFA ---- */

static void set_cfa(struct program *program, uint64_t number, int64_t offset, bool is_in_memory)
{
    program->has_failed |= number >= STACK_REGISTERS;
    program->rule.cfa_register = (uint8_t)number;
    program->rule.cfa_offset = narrow(program, offset);
    program->rule.flags &= (uint8_t)~RULE_CFA_IN_MEMORY;
    if (is_in_memory)
        program->rule.flags |= RULE_CFA_IN_MEMORY;
}

static void set_cfa_offset(struct program *program, int64_t offset)
{
    set_cfa(program, program->rule.cfa_register, offset, false);
}

static void set_cfa_by_expression(struct program *program)
{
    struct folded folded;
    if (fold_next(program, false, &folded))
        set_cfa(program, folded.base, (int64_t)folded.offset, folded.is_in_memory);
}

/* ---- the program ---- */

static void advance(struct program *program, uint64_t steps)
{
    program->location += (uintptr_t)(steps * program->entry->code_factor);
}

static void remember(struct program *program)
{
    if (program->remembered_count == REMEMBERED_MAX)
        program->has_failed = true;
    else
        program->remembered[program->remembered_count++] = program->rule;
}

static void recall(struct program *program)
{
    if (program->remembered_count == 0)
        program->has_failed = true;
    else
        program->rule = program->remembered[--program->remembered_count];
}

/* Instructions that are about one register, whose number comes first. */
static void run_on_register(struct program *program, unsigned code)
{
    uint64_t number = cursor_unsigned(&program->part);
    switch (code) {
    case CFA_OFFSET_EXTENDED:
        set_register(program, number, HOW_AT_CFA, scaled_unsigned(program));
        break;
    case CFA_OFFSET_EXTENDED_SF:
        set_register(program, number, HOW_AT_CFA, scaled_signed(program));
        break;
    case CFA_GNU_NEGATIVE_OFFSET:
        set_register(program, number, HOW_AT_CFA,
                     (int64_t)(0 - (uint64_t)scaled_unsigned(program)));
        break;
    case CFA_VAL_OFFSET: set_register(program, number, HOW_IS_CFA, scaled_unsigned(program)); break;
    case CFA_VAL_OFFSET_SF:
        set_register(program, number, HOW_IS_CFA, scaled_signed(program));
        break;
    case CFA_RESTORE_EXTENDED: restore_register(program, number); break;
    case CFA_UNDEFINED: set_register(program, number, HOW_UNKNOWN, 0); break;
    case CFA_SAME_VALUE: set_register(program, number, HOW_SAME, 0); break;
    case CFA_REGISTER: copy_register(program, number); break;
    case CFA_EXPRESSION: set_by_expression(program, number, true); break;
    case CFA_VAL_EXPRESSION: set_by_expression(program, number, false); break;
    case CFA_DEF_CFA:
        set_cfa(program, number, (int64_t)cursor_unsigned(&program->part), false);
        break;
    case CFA_DEF_CFA_SF: set_cfa(program, number, scaled_signed(program), false); break;
    case CFA_DEF_CFA_REGISTER: set_cfa(program, number, program->rule.cfa_offset, false); break;
    default: program->has_failed = true; break;
    }
}

static void run_extended(struct program *program, unsigned code)
{
    switch (code) {
    case CFA_NOP:
    case CFA_NEGATE_RA_STATE:
    case CFA_NEGATE_RA_STATE_WITH_PC: break;
    case CFA_SET_LOC:
        program->location = (uintptr_t)cursor_pointer(&program->part, program->entry->encoding, 0);
        break;
    case CFA_ADVANCE_LOC1: advance(program, cursor_number(&program->part, 1)); break;
    case CFA_ADVANCE_LOC2: advance(program, cursor_number(&program->part, 2)); break;
    case CFA_ADVANCE_LOC4: advance(program, cursor_number(&program->part, 4)); break;
    case CFA_REMEMBER_STATE: remember(program); break;
    case CFA_RESTORE_STATE: recall(program); break;
    case CFA_DEF_CFA_OFFSET:
        set_cfa_offset(program, (int64_t)cursor_unsigned(&program->part));
        break;
    case CFA_DEF_CFA_OFFSET_SF: set_cfa_offset(program, scaled_signed(program)); break;
    case CFA_DEF_CFA_EXPRESSION: set_cfa_by_expression(program); break;
    case CFA_GNU_ARGS_SIZE: cursor_unsigned(&program->part); break;
    default: run_on_register(program, code); break;
    }
}

static void run_instruction(struct program *program)
{
    unsigned code = (unsigned)cursor_number(&program->part, 1);
    unsigned low = code & CFA_LOW_BITS;
    switch (code & CFA_IN_HIGH_BITS) {
    case CFA_ADVANCE_LOC: advance(program, low); break;
    case CFA_OFFSET: set_register(program, low, HOW_AT_CFA, scaled_unsigned(program)); break;
    case CFA_RESTORE: restore_register(program, low); break;
    default: run_extended(program, code); break;
    }
}

/* Run a part, as far as it speaks of places up to `pc`. */
static void run(struct program *program, struct cursor part)
{
    program->part = part;
    while (program->part.at < program->part.end && program->location <= program->pc &&
           !program->has_failed && !part.reader->has_failed)
        run_instruction(program);
}

bool cfa_rule(const struct unwind_entry *entry, uintptr_t pc, struct rule *rule)
{
    struct program program;
    program.entry = entry;
    program.pc = pc;
    program.location = entry->start;
    program.has_failed = false;
    program.remembered_count = 0;
    program.rule = (struct rule){.cfa_register = STACK_SP};
    program.initial = program.rule;
    run(&program, entry->common);
    program.initial = program.rule;
    run(&program, entry->own);
    *rule = program.rule;
    if (entry->is_signal)
        rule->flags |= RULE_IS_SIGNAL;
    return !program.has_failed && !entry->own.reader->has_failed;
}
