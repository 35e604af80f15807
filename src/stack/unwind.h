/* SPDX-License-Identifier: MIT */
/*
 * The parts of the unwinder, for walk.c and for tests: the rule of a place in the code, the tables
 * from which it comes (.eh_frame_hdr and .eh_frame, in the format of DWARF 4 with the GNU
 * extensions), and the memory that may be read. Every byte of a table or a stack is taken as
 * possibly wrong: a rule may be nonsense, but reading and applying it stays within bounds.
 */
#ifndef HAK_STACK_UNWIND_H
#define HAK_STACK_UNWIND_H

#include "os/os.h"
#include "stack/stack.h"

/* ---- rules ---- */

/* The registers that a function restores for its caller have slots in a rule. */
#if STACK_CAN_WALK && defined(__x86_64__)
#define RULE_SLOTS 7
#elif STACK_CAN_WALK && defined(__aarch64__)
#define RULE_SLOTS 12
#else
#define RULE_SLOTS 1
#endif

/* How to find the caller's value of a register. `base` is a register of the frame itself. */
enum rule_how {
    HOW_SAME,
    HOW_UNKNOWN,     /* of the return address: there is no caller */
    HOW_AT_CFA,      /* in memory at CFA + offset */
    HOW_IS_CFA,      /* CFA + offset */
    HOW_AT_REGISTER, /* in memory at base + offset */
    HOW_IS_REGISTER  /* base + offset */
};

/* RULE_CFA_IN_MEMORY: the CFA is the word at cfa_register + cfa_offset, not that address. */
#define RULE_CFA_IN_MEMORY 1u
/* The frame is a signal's, and its caller's address is exact. */
#define RULE_IS_SIGNAL 2u
/* The registers are in the context that the kernel has put on the stack: no other field counts. */
#define RULE_IS_CONTEXT 4u
/* No table covers this code: its frame pointer is all that there is. */
#define RULE_IS_MISSING 8u

/* Purpose: the registers of a function's caller, at one place in the function. The CFA (canonical
 * frame address) is the caller's stack pointer. Invariant: none, a rule may be any bytes. */
struct rule {
    int32_t cfa_offset;
    int32_t offset[RULE_SLOTS];
    uint8_t cfa_register;
    uint8_t flags;
    uint8_t how[RULE_SLOTS]; /* enum rule_how | base << 3 */
};
#define RULE_WORDS ((sizeof(struct rule) + 7) / 8)

static inline uint8_t rule_how(enum rule_how how, unsigned base)
{
    return (uint8_t)((unsigned)how | base << 3);
}

/* A register's slot, -1 for one that has none; and a slot's register. */
#if STACK_CAN_WALK && defined(__x86_64__)
static inline int rule_slot(uint64_t number)
{
    static const int8_t slots[STACK_REGISTERS] = {-1, -1, -1, 0, -1, -1, 1, -1, -1,
                                                  -1, -1, -1, 2, 3,  4,  5, 6};
    return number < STACK_REGISTERS ? slots[number] : -1;
}

static inline unsigned rule_register(unsigned slot)
{
    static const uint8_t registers[RULE_SLOTS] = {3, 6, 12, 13, 14, 15, STACK_RETURN};
    return registers[slot];
}
#elif STACK_CAN_WALK && defined(__aarch64__)
static inline int rule_slot(uint64_t number)
{
    return number >= 19 && number <= 30 ? (int)number - 19 : -1;
}

static inline unsigned rule_register(unsigned slot)
{
    return slot + 19;
}
#else
static inline int rule_slot(uint64_t number)
{
    return number == STACK_RETURN ? 0 : -1;
}

static inline unsigned rule_register(unsigned slot)
{
    return slot + STACK_RETURN;
}
#endif
#define RULE_RETURN_SLOT ((unsigned)rule_slot(STACK_RETURN))

/* ---- reader.c: tables, read within bounds ---- */

/* What one walk may do, so that its time is bounded: reads of tables, and system calls. */
#define WALK_READS_MAX 20000
#define WALK_COPIES_MAX 400
struct budget {
    uint32_t reads;
    uint32_t copies;
    uint32_t process; /* see os_copy */
};

#define READER_WINDOW 256

/*
 * Purpose: reads from [low, high). Owner: one walk. Each byte is checked against these bounds. If
 * the reader copies, the memory may vanish at any moment (dlclose in another thread): the kernel
 * copies a piece of it to `window`. Else the memory must stay. Invariant: after the first read that
 * is not possible `has_failed` is set and all reads give 0.
 */
struct reader {
    uintptr_t low;
    uintptr_t high;
    struct budget *budget;
    bool copies;
    bool has_failed;
    uint32_t window_size;
    uintptr_t window_start;
    uint8_t window[READER_WINDOW];
};

/* Purpose: a part of a table that is read from its start to its end. */
struct cursor {
    struct reader *reader;
    uintptr_t at;
    uintptr_t end; /* no byte from here on belongs to the part */
};

/* At the start: find out whether the kernel copies memory (see os_copy). May it be asked to, now?
 * Not under a filter, nor before that. */
void reader_try_copy(void);
bool reader_may_copy(void);

void reader_open(struct reader *reader, uintptr_t low, uintptr_t high, bool copies,
                 struct budget *budget);
/* The unsigned number of 1, 2, 4 or 8 bytes at an address. */
uint64_t reader_number(struct reader *reader, uintptr_t at, unsigned size);
/* The next number of the part: fixed size, or LEB128. */
uint64_t cursor_number(struct cursor *cursor, unsigned size);
uint64_t cursor_unsigned(struct cursor *cursor);
int64_t cursor_signed(struct cursor *cursor);
/* Go over `count` bytes. */
void cursor_skip(struct cursor *cursor, uint64_t count);
/* The next address in one of the encodings DW_EH_PE_*, relative to its own place or to `data`. An
 * encoding that is not known makes the reader fail. */
#define POINTER_OMITTED 0xffu
uint64_t cursor_pointer(struct cursor *cursor, uint8_t encoding, uintptr_t data);

/* ---- expression.c ---- */

/* Purpose: the value of an expression before the registers are known: base + offset, or the word at
 * that address. A base that is not below STACK_REGISTERS is one of these. */
#define FOLDED_NUMBER 0xfeu
#define FOLDED_CFA 0xffu
struct folded {
    uint64_t offset;
    uint8_t base;
    bool is_in_memory;
};

/* Compute the DWARF expression in `part`. The stack has the CFA at first if `begins_with_cfa`.
 * False when it is no such value, or has an operation that no compiler writes into tables. */
bool expression_fold(struct cursor part, uintptr_t pc, bool begins_with_cfa, struct folded *folded);

/* ---- cfa.c ---- */

/* Purpose: what a function's record (FDE) and the one that it shares (CIE) say. */
struct unwind_entry {
    uintptr_t start; /* of the function */
    uintptr_t end;
    uint64_t code_factor;
    int64_t data_factor;
    uint8_t encoding; /* of addresses */
    bool is_signal;
    struct cursor common; /* the instructions of the CIE, and of the FDE */
    struct cursor own;
};

/* Run the instructions up to `pc`, which is in the function. False: they make no sense. */
bool cfa_rule(const struct unwind_entry *entry, uintptr_t pc, struct rule *rule);

/* ---- table.c ---- */

/* How long a file stays mapped: as long as the process lives; as long as its code runs, if the
 * program is right; or nothing is known, and what is there now may be another file. */
enum unwind_lifetime { MODULE_LASTS, MODULE_IN_USE, MODULE_MAY_VANISH };

/* Purpose: a mapped file with unwind tables. `identity` is for the cache: it differs from those of
 * other files, as far as that can be known. */
struct unwind_module {
    uintptr_t start; /* of its addresses */
    uintptr_t end;
    uintptr_t header; /* its .eh_frame_hdr */
    uint64_t identity;
    enum unwind_lifetime lifetime;
};

/* The entry of `pc`. False when there is none, or the table makes no sense. The reader must have
 * the bounds of the segment that has the tables. */
bool table_find(struct reader *reader, uintptr_t header, uintptr_t pc, struct unwind_entry *entry);

/* ---- module.c ---- */

/* The module of a program counter. False: the code is not from a file that is known. */
bool module_find(uintptr_t pc, struct unwind_module *module);
/* Is it the kernel's own, all of which can be read? */
bool module_is_vdso(const struct unwind_module *module);
/* A reader for the module's tables. It copies, unless they stay mapped. False: there is none. */
bool module_open(const struct unwind_module *module, struct reader *reader, struct budget *budget);
/* For tests, before stack_start: do without _dl_find_object. */
void module_use_maps(void);

/* ---- rule_cache.c ---- */

/* The rule of `pc` that has been put, if it is still there. */
bool rule_cache_get(uintptr_t pc, uint64_t identity, struct rule *rule);
void rule_cache_put(uintptr_t pc, uint64_t identity, const struct rule *rule);

/* ---- stack_memory.c ---- */

#define STACK_WINDOW 512

enum stack_access { STACK_UNREADABLE, STACK_DIRECT, STACK_COPIED };

/* Purpose: the part of the current stack that may be read: [low, high). */
struct stack_memory {
    uintptr_t low;
    uintptr_t high;
    uintptr_t deepest; /* the least address that is known to be in use on the thread's own stack */
    struct budget *budget;
    enum stack_access access;
    uint32_t window_size;
    uintptr_t window_start;
    uint64_t window[STACK_WINDOW / 8];
};

/* A stack whose pointer is `sp`. `is_certain`: it is the stack that the thread runs on, or that the
 * kernel has interrupted; else it was read from memory that may be wrong. */
void stack_memory_enter(struct stack_memory *memory, uintptr_t sp, bool is_certain);
/* The word at an address; false when it may not be read. */
bool stack_memory_read(struct stack_memory *memory, uintptr_t address, uint64_t *word);

#endif
