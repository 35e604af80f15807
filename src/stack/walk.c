/* SPDX-License-Identifier: MIT */
/*
 * Owns the walk from a frame to its caller, and on: the rule of the frame's place in the code, from
 * the cache or else from the tables; its application to the registers; frame pointers where no
 * table covers the code (JIT compilers); frames of signals. Nothing on the stack is believed: a
 * caller's frame must lie above its callee's, except where a signal has switched stacks.
 */
#include "stack/unwind.h"

#include <string.h>
#include <ucontext.h>

/* No code is in the first page. */
#define LEAST_PC 4096u
/* The modules that a walk remembers. */
#define MEMO 4
/* In place of a module's identity: code that a program has made. */
#define NO_IDENTITY 1

/* Purpose: a walk. Owner: the thread that walks. Invariant: `registers` are those of the frame that
 * has been written last; it was interrupted if `is_exact`, else it is in a call. */
struct walk {
    struct stack_registers registers;
    struct stack_memory memory;
    struct budget budget;
    bool is_exact;
    unsigned memo_next;
    struct unwind_module memo[MEMO];
};

/* ---- registers ---- */

static bool is_known(const struct walk *walk, unsigned number)
{
    return number < STACK_REGISTERS && (walk->registers.known >> number & 1);
}

static void set(struct stack_registers *registers, unsigned number, uint64_t value)
{
    registers->value[number] = value;
    registers->known |= UINT64_C(1) << number;
}

/* A return address without the signature that aarch64 may put into its unused bits. The instruction
 * (xpaclri) does nothing on processors without signatures. */
static uint64_t strip_signature(uint64_t address)
{
#if defined(__aarch64__)
    register uint64_t link __asm__("x30") = address;
    __asm__("hint #7" : "+r"(link));
    return link;
#else
    return address;
#endif
}

/* Where the registers are in the kernel's record of a signal, in bytes. */
#if STACK_CAN_WALK && defined(__x86_64__)
#define CONTEXT_OFFSET 0 /* from the stack pointer that the handler returns with */
static size_t context_place(unsigned number)
{
    static const uint8_t places[STACK_REGISTERS] = {
        REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
        REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    return offsetof(ucontext_t, uc_mcontext.gregs) + places[number] * sizeof(uint64_t);
}
#elif STACK_CAN_WALK && defined(__aarch64__)
#define CONTEXT_OFFSET 128 /* siginfo_t comes first */
static size_t context_place(unsigned number)
{
    return offsetof(ucontext_t, uc_mcontext.regs) + number * sizeof(uint64_t);
}
_Static_assert(offsetof(mcontext_t, sp) == offsetof(mcontext_t, regs) + STACK_SP * 8 &&
                   offsetof(mcontext_t, pc) == offsetof(mcontext_t, regs) + STACK_PC * 8,
               "sp and pc follow the other registers");
#else
#define CONTEXT_OFFSET 0
static size_t context_place(unsigned number)
{
    return number;
}
#endif

void stack_from_context(struct stack_registers *registers, const void *context)
{
    registers->known = 0;
    for (unsigned i = 0; STACK_CAN_WALK && i < STACK_REGISTERS; i++) {
        uint64_t value;
        memcpy(&value, (const char *)context + context_place(i), sizeof(value));
        set(registers, i, value);
    }
}

/* ---- the rule of a place ---- */

static const struct unwind_module *find_module(struct walk *walk, uintptr_t pc)
{
    for (unsigned i = 0; i < MEMO; i++)
        if (pc >= walk->memo[i].start && pc < walk->memo[i].end)
            return &walk->memo[i];
    struct unwind_module *module = &walk->memo[walk->memo_next % MEMO];
    if (module_find(pc, module)) {
        walk->memo_next++;
        return module;
    }
    module->start = module->end = 0;
    return NULL;
}

/* False: the last rule may be missing for that reason only. */
static bool has_budget(const struct walk *walk)
{
    return walk->budget.reads > 0 && walk->budget.copies > 0;
}

/* Code that can be read: a module has holes, but for the kernel's. */
static bool read_code(struct walk *walk, const struct unwind_module *module, uintptr_t pc,
                      uint8_t *code, size_t size)
{
    if (pc / LEAST_PC != (pc + size - 1) / LEAST_PC)
        return false;
    if (module && module_is_vdso(module) && module->end - pc >= size) {
        memcpy(code, (const void *)pc, size);
        return true;
    }
    if (!reader_may_copy() || walk->budget.copies == 0)
        return false;
    walk->budget.copies--;
    return os_copy(&walk->budget.process, code, (const void *)pc, size);
}

/* Is the code at `pc` the code that ends a signal handler? It has tables in glibc for x86-64, and
 * none elsewhere. */
static bool is_signal_return(struct walk *walk, const struct unwind_module *module, uintptr_t pc)
{
#if defined(__x86_64__)
    static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
#else
    static const uint8_t code[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4};
#endif
    uint8_t found[sizeof(code)];
    return read_code(walk, module, pc, found, sizeof(found)) &&
           memcmp(found, code, sizeof(code)) == 0;
}

static bool read_rule(struct walk *walk, const struct unwind_module *module, uintptr_t pc,
                      struct rule *rule)
{
    struct reader reader;
    struct unwind_entry entry;
    return module_open(module, &reader, &walk->budget) &&
           table_find(&reader, module->header, pc, &entry) && cfa_rule(&entry, pc, rule);
}

/* From the tables, if there is a module. `pc` is where the rule is looked up: the program counter,
 * or just below it. */
static void find_rule(struct walk *walk, const struct unwind_module *module, uintptr_t pc,
                      struct rule *rule)
{
    bool is_read = module && read_rule(walk, module, pc, rule);
    if (is_read && !(rule->flags & RULE_IS_SIGNAL))
        return;
    uint64_t next = walk->registers.value[STACK_PC];
    if (!walk->is_exact && is_signal_return(walk, module, next))
        *rule = (struct rule){.flags = RULE_IS_SIGNAL | RULE_IS_CONTEXT};
    else if (!is_read)
        *rule = (struct rule){.flags = RULE_IS_MISSING};
}

static struct rule get_rule(struct walk *walk, uintptr_t pc)
{
    struct rule rule;
    const struct unwind_module *module = find_module(walk, pc);
    uint64_t identity = module ? module->identity : NO_IDENTITY;
    if (rule_cache_get(pc, identity, &rule))
        return rule;
    find_rule(walk, module, pc, &rule);
    if (has_budget(walk))
        rule_cache_put(pc, identity, &rule);
    return rule;
}

/* ---- from a frame to its caller ---- */

/* In an interrupted epilogue, tables still say where a register was saved, but its place is below
 * the stack pointer, and the register has been restored. */
static bool is_restored(const struct walk *walk, uintptr_t address)
{
    return walk->is_exact && address < walk->registers.value[STACK_SP];
}

/* The caller's value of the register in a slot. False when it cannot be known. */
static bool apply_slot(struct walk *walk, const struct rule *rule, unsigned slot, uintptr_t cfa,
                       uint64_t *value)
{
    unsigned number = rule_register(slot);
    unsigned base = rule->how[slot] >> 3;
    uint64_t offset = (uint64_t)(int64_t)rule->offset[slot];
    bool has_base = is_known(walk, base);
    uint64_t at = has_base ? walk->registers.value[base] + offset : 0;
    unsigned how = rule->how[slot] & 7;
    if (how == HOW_AT_CFA && slot != RULE_RETURN_SLOT && is_restored(walk, cfa + offset))
        how = HOW_SAME;
    switch (how) {
    case HOW_SAME: *value = walk->registers.value[number]; return is_known(walk, number);
    case HOW_AT_CFA: return stack_memory_read(&walk->memory, cfa + offset, value);
    case HOW_IS_CFA: *value = cfa + offset; return true;
    case HOW_AT_REGISTER: return has_base && stack_memory_read(&walk->memory, at, value);
    case HOW_IS_REGISTER: *value = at; return has_base;
    default: return false;
    }
}

static bool find_cfa(struct walk *walk, const struct rule *rule, uintptr_t *cfa)
{
    if (!is_known(walk, rule->cfa_register))
        return false;
    uint64_t at = walk->registers.value[rule->cfa_register] + (uint64_t)(int64_t)rule->cfa_offset;
    *cfa = at;
    return !(rule->flags & RULE_CFA_IN_MEMORY) || stack_memory_read(&walk->memory, at, cfa);
}

/* Go on at a stack pointer. The stack goes upward: a function may have no frame of its own only if
 * it was interrupted. */
static bool move_up(struct walk *walk, uintptr_t cfa)
{
    uintptr_t sp = walk->registers.value[STACK_SP];
    if (cfa < sp || (cfa == sp && !walk->is_exact) || cfa % sizeof(uint64_t) != 0)
        return false;
    walk->memory.low = cfa;
    return true;
}

/* Another stack, maybe: where a signal has come. */
static void switch_stack(struct walk *walk, uintptr_t sp)
{
    if (sp < walk->memory.low || sp >= walk->memory.high || walk->memory.access != STACK_DIRECT)
        stack_memory_enter(&walk->memory, sp, false);
    walk->memory.low = sp;
}

static bool apply_rule(struct walk *walk, const struct rule *rule)
{
    uintptr_t cfa;
    struct stack_registers caller = {.known = 0};
    if (!find_cfa(walk, rule, &cfa))
        return false;
    for (unsigned slot = 0; slot < RULE_SLOTS; slot++) {
        uint64_t value;
        if (apply_slot(walk, rule, slot, cfa, &value))
            set(&caller, rule_register(slot), value);
    }
    if (!(caller.known >> STACK_RETURN & 1))
        return false;
    bool is_signal = rule->flags & RULE_IS_SIGNAL;
    if (is_signal)
        switch_stack(walk, cfa);
    else if (!move_up(walk, cfa))
        return false;
    set(&caller, STACK_SP, cfa);
    set(&caller, STACK_PC, strip_signature(caller.value[STACK_RETURN]));
    walk->registers = caller;
    walk->is_exact = is_signal;
    return true;
}

/* All registers as the kernel has saved them before it called a signal handler. */
static bool apply_context(struct walk *walk)
{
    struct stack_registers caller = {.known = 0};
    uintptr_t context = walk->registers.value[STACK_SP] + CONTEXT_OFFSET;
    for (unsigned i = 0; i < STACK_REGISTERS; i++) {
        uint64_t value;
        if (!stack_memory_read(&walk->memory, context + context_place(i), &value))
            return false;
        set(&caller, i, value);
    }
    switch_stack(walk, caller.value[STACK_SP]);
    walk->registers = caller;
    walk->is_exact = true;
    return true;
}

/* The frame pointer points to the caller's frame pointer, after which comes the return address. */
static bool apply_frame_pointer(struct walk *walk)
{
    uint64_t fp = walk->registers.value[STACK_FP];
    uint64_t saved;
    uint64_t pc;
    struct stack_registers caller = {.known = 0};
    if (!is_known(walk, STACK_FP) || !stack_memory_read(&walk->memory, fp, &saved) ||
        !stack_memory_read(&walk->memory, fp + sizeof(saved), &pc) ||
        !move_up(walk, fp + 2 * sizeof(saved)))
        return false;
    set(&caller, STACK_FP, saved);
    set(&caller, STACK_SP, fp + 2 * sizeof(saved));
    set(&caller, STACK_PC, strip_signature(pc));
    walk->registers = caller;
    walk->is_exact = false;
    return true;
}

static bool step(struct walk *walk, uintptr_t pc)
{
    struct rule rule = get_rule(walk, pc);
    if (rule.flags & RULE_IS_CONTEXT)
        return apply_context(walk);
    if (rule.flags & RULE_IS_MISSING)
        return has_budget(walk) && apply_frame_pointer(walk);
    return apply_rule(walk, &rule);
}

static void begin(struct walk *walk, const struct stack_registers *registers)
{
    walk->registers = *registers;
    walk->budget = (struct budget){.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
    walk->is_exact = true;
    walk->memo_next = 0;
    for (unsigned i = 0; i < MEMO; i++)
        walk->memo[i].start = walk->memo[i].end = 0;
    walk->memory.budget = &walk->budget;
    stack_memory_enter(&walk->memory, registers->value[STACK_SP], true);
}

size_t stack_walk(const struct stack_registers *registers, uint64_t *frames, size_t max)
{
    struct walk walk;
    size_t count = 0;
    if (!(registers->known >> STACK_PC & registers->known >> STACK_SP & 1))
        return 0;
    begin(&walk, registers);
    while (count < max && walk.registers.value[STACK_PC] >= LEAST_PC) {
        uintptr_t pc = walk.registers.value[STACK_PC] - !walk.is_exact;
        frames[count++] = pc;
        if (!step(&walk, pc))
            break;
    }
    return count;
}
