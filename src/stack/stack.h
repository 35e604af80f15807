/* SPDX-License-Identifier: MIT */
/*
 * Call stacks. stack_walk finds the functions that called each other, and stack_intern turns such a
 * list into a number. Both may be called in any state of a thread, also in a signal handler that
 * has interrupted them: they take no lock, allocate nothing, and call nothing of libc but
 * _dl_find_object, which is made for this. A damaged stack gives wrong frames or few, never a
 * fault.
 */
#ifndef HAK_STACK_STACK_H
#define HAK_STACK_STACK_H

#include "base/base.h"

/* ---- registers ---- */

/* The processors whose stacks can be walked. The numbers are DWARF's. */
#if defined(__x86_64__) && defined(__LP64__)
#define STACK_CAN_WALK 1
#define STACK_REGISTERS 17
#define STACK_FP 6
#define STACK_SP 7
#define STACK_PC 16
#define STACK_RETURN 16 /* the column of unwind tables that has the return address */
#elif defined(__aarch64__) && defined(__LP64__)
#define STACK_CAN_WALK 1
#define STACK_REGISTERS 33
#define STACK_FP 29
#define STACK_SP 31
#define STACK_PC 32
#define STACK_RETURN 30
#else
#define STACK_CAN_WALK 0
#define STACK_REGISTERS 3
#define STACK_FP 0
#define STACK_SP 1
#define STACK_PC 2
#define STACK_RETURN 2
#endif

/* Purpose: the registers of one frame. Owner: the thread that walks. Invariant: a register whose
 * bit in `known` is clear has no meaning. */
struct stack_registers {
    uint64_t value[STACK_REGISTERS];
    uint64_t known;
};

/* The registers of the function that calls this. stack_walk must be called before that function
 * returns. Inlined, since it stores the registers of its caller. */
static always_inline void stack_capture(struct stack_registers *registers)
{
#if STACK_CAN_WALK && defined(__x86_64__)
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 128(%0)"
                     :
                     : "r"(registers->value)
                     : "rax", "memory");
    registers->known = UINT64_C(0x1f0c8);
#elif STACK_CAN_WALK && defined(__aarch64__)
    __asm__ volatile("stp x19, x20, [%0, #152]\n\t"
                     "stp x21, x22, [%0, #168]\n\t"
                     "stp x23, x24, [%0, #184]\n\t"
                     "stp x25, x26, [%0, #200]\n\t"
                     "stp x27, x28, [%0, #216]\n\t"
                     "stp x29, x30, [%0, #232]\n\t"
                     "mov x9, sp\n\t"
                     "adr x10, .\n\t"
                     "stp x9, x10, [%0, #248]"
                     :
                     : "r"(registers->value)
                     : "x9", "x10", "memory");
    registers->known = UINT64_C(0x1fff80000);
#else
    registers->known = 0;
#endif
}

/* The registers that a signal has interrupted: `context` is the third argument of its handler. */
void stack_from_context(struct stack_registers *registers, const void *context);

/* ---- walk.c ---- */

/*
 * To be called before the first walk, and again whenever profiling starts. Finds _dl_find_object,
 * or reads from /proc/self/maps which files are mapped. May be called in any state of a thread, and
 * while other threads walk, but two calls must not run at the same time.
 */
void stack_start(void);

/*
 * Write up to `max` addresses to `frames`, innermost first, and return their number. `registers`
 * are those of a frame on the calling thread's stack. The address of a frame is its return address
 * less 1, so it lies inside the call instruction, and its function and line are those of the call.
 * For the innermost frame, and for one that a signal has interrupted, it is the exact address of
 * the instruction. The work is bounded: a walk that reaches the bound, or a stack that may not be
 * read, returns the frames so far.
 */
size_t stack_walk(const struct stack_registers *registers, uint64_t *frames, size_t max);

/* ---- intern.c ---- */

/*
 * A store of stacks: one range of memory without pointers, so that another process can copy it or
 * find it in a core. All numbers have the byte order of the processor.
 *
 *   struct stack_store           at the start
 *   uint32_t slot[slots]         0, or the number of a stack: a hash table
 *   stacks                       from byte `first` on, one after the other, 8-byte aligned
 *
 * A stack's number is its distance from the start of the store in units of 8 bytes. There stands
 * a struct stack_record. Stacks are never moved, changed or removed. A reader goes through the
 * slots, and believes a number only if `first` <= 8 * number, the record ends within `size`, its
 * depth is at most STACK_DEPTH_MAX, and the hash is that of its frames (stack_hash): a slot is
 * written after its record, but a copy made meanwhile may have seen them the other way round.
 */
#define STACK_STORE_MAGIC UINT64_C(0x31736b6361747368) /* "hstacks1" */
#define STACK_DEPTH_MAX 1024

/* Purpose: the head of a store. Owner: any thread, by atomic operations; the fields up to `first`
 * never change. Invariant: first <= used <= size; each slot leads to a place below used. */
struct stack_store {
    uint64_t magic;
    uint64_t size;  /* bytes of the whole store */
    uint64_t slots; /* a power of two */
    uint64_t first; /* the offset of the first stack, in bytes */
    _Atomic uint64_t used;
    _Atomic uint64_t stacks; /* distinct stacks */
    _Atomic uint64_t
        dropped_full; /* stacks not kept: no memory, or its part of the table is full */
    _Atomic uint64_t dropped_wrong; /* not kept: no frames, or more than STACK_DEPTH_MAX */
};

struct stack_record {
    uint32_t hash;
    uint32_t depth;
    uint64_t frames[];
};

/* The least size of a store. */
#define STACK_STORE_MIN (4 * KIB)

/* Make a store in memory that reads as zero and is aligned to 8 bytes. The slots take 1/16 of it;
 * the rest is written only as the store fills up. NULL: the size is too small, or above 32 GiB. */
struct stack_store *stack_store_make(void *memory, size_t size);
/* The number of this stack, the same for the same frames; 0 when it could not be kept, which is
 * counted. Waits for nobody. */
uint32_t stack_intern(struct stack_store *store, const uint64_t *frames, size_t depth);
/* The frames of a number that stack_intern has returned; NULL and a depth of 0 for no stack. */
const uint64_t *stack_frames(const struct stack_store *store, uint32_t number, size_t *depth);
/* The hash in a record. */
static inline uint32_t stack_hash(const uint64_t *frames, size_t depth)
{
    uint64_t hash = depth;
    for (size_t i = 0; i < depth; i++) {
        hash = (hash ^ frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (uint32_t)hash;
}

#endif
