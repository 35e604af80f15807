/* SPDX-License-Identifier: MIT */
/*
 * Owns DWARF expressions in unwind tables. They are computed before the registers are known, so
 * that their result fits in a rule and can be kept: a value is a number, or a register plus a
 * number, or the word in memory at such an address. That is enough for the expressions that exist:
 * those of PLT entries (the program counter is known), of functions that align their stack, and of
 * signal frames. There are no jumps, so the work is bounded by the length of the expression.
 */
#include "stack/unwind.h"

#define VALUES_MAX 16

enum operation {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST8S = 0x0f,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_DUP = 0x12,
    OP_DROP = 0x13,
    OP_OVER = 0x14,
    OP_SWAP = 0x16,
    OP_AND = 0x1a,
    OP_MINUS = 0x1c,
    OP_MUL = 0x1e,
    OP_OR = 0x21,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_SHR = 0x25,
    OP_SHRA = 0x26,
    OP_XOR = 0x27,
    OP_EQ = 0x29,
    OP_GE = 0x2a,
    OP_GT = 0x2b,
    OP_LE = 0x2c,
    OP_LT = 0x2d,
    OP_NE = 0x2e,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8f,
    OP_BREGX = 0x92,
    OP_NOP = 0x96
};

/* Purpose: the values of an expression so far. Invariant: depth <= VALUES_MAX. */
struct machine {
    struct cursor part;
    uintptr_t pc;
    unsigned depth;
    bool has_failed;
    struct folded values[VALUES_MAX];
};

static void push(struct machine *machine, struct folded value)
{
    if (machine->depth == VALUES_MAX)
        machine->has_failed = true;
    else
        machine->values[machine->depth++] = value;
}

static void push_number(struct machine *machine, uint64_t number)
{
    push(machine, (struct folded){.offset = number, .base = FOLDED_NUMBER});
}

static struct folded pop(struct machine *machine)
{
    if (machine->depth == 0) {
        machine->has_failed = true;
        return (struct folded){.base = FOLDED_NUMBER};
    }
    return machine->values[--machine->depth];
}

static void push_register(struct machine *machine, uint64_t number)
{
    uint64_t offset = (uint64_t)cursor_signed(&machine->part);
    if (number == STACK_PC)
        push_number(machine, machine->pc + offset);
    else if (number < STACK_REGISTERS)
        push(machine, (struct folded){.offset = offset, .base = (uint8_t)number});
    else
        machine->has_failed = true;
}

/* Numbers of 1, 2, 4 and 8 bytes, each without and with a sign. */
static uint64_t read_constant(struct machine *machine, unsigned operation)
{
    unsigned size = 1u << ((operation - OP_CONST1U) / 2);
    uint64_t number = cursor_number(&machine->part, size);
    unsigned unused_bits = 64 - 8 * size;
    if ((operation - OP_CONST1U) % 2 == 0)
        return number;
    return (uint64_t)((int64_t)(number << unused_bits) >> unused_bits);
}

static uint64_t shift_left(uint64_t a, uint64_t b)
{
    return b < 64 ? a << b : 0;
}

static uint64_t shift_right(uint64_t a, uint64_t b)
{
    return b < 64 ? a >> b : 0;
}

static uint64_t of_numbers(struct machine *machine, unsigned operation, uint64_t a, uint64_t b)
{
    int64_t left = (int64_t)a;
    int64_t right = (int64_t)b;
    switch (operation) {
    case OP_AND: return a & b;
    case OP_MINUS: return a - b;
    case OP_MUL: return a * b;
    case OP_OR: return a | b;
    case OP_PLUS: return a + b;
    case OP_SHL: return shift_left(a, b);
    case OP_SHR: return shift_right(a, b);
    case OP_SHRA: return (uint64_t)(left >> (b < 64 ? b : 63));
    case OP_XOR: return a ^ b;
    case OP_EQ: return left == right;
    case OP_GE: return left >= right;
    case OP_GT: return left > right;
    case OP_LE: return left <= right;
    case OP_LT: return left < right;
    case OP_NE: return left != right;
    default: machine->has_failed = true; return 0;
    }
}

static bool is_number(struct folded value)
{
    return value.base == FOLDED_NUMBER && !value.is_in_memory;
}

static void combine(struct machine *machine, unsigned operation)
{
    struct folded right = pop(machine);
    struct folded left = pop(machine);
    if (operation == OP_PLUS && is_number(left) && !is_number(right)) {
        struct folded other = left;
        left = right;
        right = other;
    }
    if (is_number(left) && is_number(right)) {
        push_number(machine, of_numbers(machine, operation, left.offset, right.offset));
    } else if ((operation == OP_PLUS || operation == OP_MINUS) && is_number(right) &&
               !left.is_in_memory) {
        left.offset += operation == OP_PLUS ? right.offset : -right.offset;
        push(machine, left);
    } else {
        machine->has_failed = true;
    }
}

static void push_copy(struct machine *machine, unsigned below)
{
    if (machine->depth <= below)
        machine->has_failed = true;
    else
        push(machine, machine->values[machine->depth - 1 - below]);
}

static void swap(struct machine *machine)
{
    struct folded first = pop(machine);
    struct folded second = pop(machine);
    push(machine, first);
    push(machine, second);
}

/* The word at the address on top. What is in memory can be computed no further. */
static void read_memory(struct machine *machine)
{
    struct folded value = pop(machine);
    machine->has_failed |= value.is_in_memory || value.base == FOLDED_NUMBER;
    value.is_in_memory = true;
    push(machine, value);
}

static void add_number(struct machine *machine)
{
    push_number(machine, cursor_unsigned(&machine->part));
    combine(machine, OP_PLUS);
}

static void compute(struct machine *machine, unsigned operation)
{
    if (operation >= OP_LIT0 && operation <= OP_LIT31)
        push_number(machine, operation - OP_LIT0);
    else if (operation >= OP_BREG0 && operation <= OP_BREG31)
        push_register(machine, operation - OP_BREG0);
    else if (operation >= OP_CONST1U && operation <= OP_CONST8S)
        push_number(machine, read_constant(machine, operation));
    else
        switch (operation) {
        case OP_DEREF: read_memory(machine); break;
        case OP_CONSTU: push_number(machine, cursor_unsigned(&machine->part)); break;
        case OP_CONSTS: push_number(machine, (uint64_t)cursor_signed(&machine->part)); break;
        case OP_DUP: push_copy(machine, 0); break;
        case OP_OVER: push_copy(machine, 1); break;
        case OP_DROP: pop(machine); break;
        case OP_SWAP: swap(machine); break;
        case OP_PLUS_UCONST: add_number(machine); break;
        case OP_BREGX: push_register(machine, cursor_unsigned(&machine->part)); break;
        case OP_NOP: break;
        default: combine(machine, operation); break;
        }
}

bool expression_fold(struct cursor part, uintptr_t pc, bool begins_with_cfa, struct folded *folded)
{
    struct machine machine;
    machine.part = part;
    machine.pc = pc;
    machine.depth = 0;
    machine.has_failed = false;
    if (begins_with_cfa)
        push(&machine, (struct folded){.base = FOLDED_CFA});
    while (machine.part.at < machine.part.end && !machine.has_failed && !part.reader->has_failed)
        compute(&machine, (unsigned)cursor_number(&machine.part, 1));
    *folded = pop(&machine);
    return !machine.has_failed && !part.reader->has_failed;
}
