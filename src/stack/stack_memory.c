/* SPDX-License-Identifier: MIT */
/*
 * Owns the bounds of the stack memory that may be read. An address is read directly only if it is
 * certainly mapped: it lies between the deepest address in use and the top of the stack that the
 * kernel or libc has made for the thread. The bounds of other stacks (of signal handlers and
 * coroutines) are not known. The kernel copies from these, and fails where nothing is mapped. Under
 * a seccomp filter the kernel may not be asked: then they are not read at all.
 */
#include "stack/unwind.h"

#include <string.h>
#include <sys/auxv.h>

#define PAGE_STEP ((uintptr_t)4096)

/* The kernel maps nothing by itself so near below the top of the program's first stack. */
#define MAIN_STACK_MAX (8 * MIB)
/* A stack of unknown bounds is not followed further. */
#define COPIED_MAX (64 * MIB)

/* glibc's struct pthread begins at the thread pointer, or ends there, and lies at the top of the
 * thread's stack. In it are, one after the other, the lowest address of that stack, its size, and
 * its guard's size, twice. The place differs between releases, within these bounds. */
#if defined(__GLIBC__)
#define HAS_PTHREAD STACK_CAN_WALK
#else
#define HAS_PTHREAD 0
#endif
#if defined(__x86_64__)
#define PTHREAD_LOW 0x400
#define PTHREAD_HIGH 0x880
#else
#define PTHREAD_LOW (-0x700)
#define PTHREAD_HIGH 0
#endif
#define PTHREAD_BYTES_MAX (64 * KIB)

/* The sanitizers' records of the stack forbid what an unwinder does. */
#define no_sanitizers __attribute__((noinline, no_sanitize("address", "thread", "undefined")))

static no_sanitizers uint64_t read_word(uintptr_t address)
{
    return *(const volatile uint64_t *)address;
}

/* ---- the thread's own stack ---- */

static uintptr_t thread_pointer(void)
{
    uintptr_t pointer = 0;
#if STACK_CAN_WALK && defined(__x86_64__)
    __asm__("mov %%fs:0, %0" : "=r"(pointer));
#elif STACK_CAN_WALK && defined(__aarch64__)
    __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#endif
    return pointer;
}

/* Is the thread pointer within the last bytes of [low, +size)? It is not in the main thread. */
static bool is_thread_stack(uintptr_t low, uint64_t size, uint64_t guard, uintptr_t pointer)
{
    uintptr_t high;
    return low % 16 == 0 && low != 0 && guard < size &&
           !__builtin_add_overflow(low, (uintptr_t)size, &high) && high >= pointer &&
           high - pointer < PTHREAD_BYTES_MAX && low + guard < pointer;
}

/* The bounds of the stack of a thread that glibc has made, by its own record. */
static no_sanitizers bool find_in_record(uintptr_t pointer, uintptr_t *low, uintptr_t *high)
{
    const volatile uint64_t *word = (const volatile uint64_t *)(pointer + PTHREAD_LOW);
    const volatile uint64_t *end = (const volatile uint64_t *)(pointer + PTHREAD_HIGH);
    for (; word + 4 <= end; word++) {
        uintptr_t start = word[0];
        if (start >= pointer || !is_thread_stack(start, word[1], word[2], pointer))
            continue;
        *low = start + word[2];
        *high = pointer;
        return true;
    }
    return false;
}

/* The main thread, whose record is below its stack, is not looked up. */
static bool find_thread_stack(uintptr_t sp, uintptr_t *low, uintptr_t *high)
{
    uintptr_t pointer = thread_pointer();
    return HAS_PTHREAD && sp < pointer && find_in_record(pointer, low, high);
}

/* The kernel puts these bytes on the first stack, above all frames. */
static bool find_main_stack(uintptr_t *low, uintptr_t *high)
{
    *high = align_down(getauxval(AT_RANDOM), sizeof(uint64_t));
    *low = *high - MAIN_STACK_MAX;
    return *high > MAIN_STACK_MAX;
}

static bool is_between(uintptr_t address, uintptr_t low, uintptr_t high)
{
    return address >= low && address < high;
}

/* ---- the stack of a frame ---- */

/* Set bounds if `sp` is on this stack, above an address that is in use. */
static bool enter_known(struct stack_memory *memory, uintptr_t sp, uintptr_t low, uintptr_t high)
{
    uintptr_t deepest = memory->deepest;
    if (!is_between(sp, low, high) || !is_between(deepest, low, high) || sp < deepest)
        return false;
    memory->access = STACK_DIRECT;
    memory->low = sp;
    memory->high = high;
    return true;
}

void stack_memory_enter(struct stack_memory *memory, uintptr_t sp, bool is_certain)
{
    uintptr_t low;
    uintptr_t high;
    if (is_certain)
        memory->deepest = sp;
    if (find_thread_stack(sp, &low, &high) && enter_known(memory, sp, low, high))
        return;
    if (find_main_stack(&low, &high) && enter_known(memory, sp, low, high))
        return;
    memory->access = reader_may_copy() ? STACK_COPIED : STACK_UNREADABLE;
    memory->low = sp;
    if (__builtin_add_overflow(sp, COPIED_MAX, &memory->high))
        memory->high = UINTPTR_MAX;
    memory->window_size = 0;
    memory->window_start = 0;
}

static bool move_window(struct stack_memory *memory, uintptr_t address)
{
    uintptr_t page = align_down(address, PAGE_STEP);
    uintptr_t start = max_size(memory->low, address - min_size(address - page, STACK_WINDOW / 2));
    size_t size = min_size(STACK_WINDOW, min_size(page + PAGE_STEP, memory->high) - start);
    if (memory->budget->copies == 0)
        return false;
    memory->budget->copies--;
    memory->window_size = 0;
    if (!os_copy(&memory->budget->process, memory->window, (const void *)start, size))
        return false;
    memory->window_start = start;
    memory->window_size = (uint32_t)size;
    return true;
}

static bool read_copied(struct stack_memory *memory, uintptr_t address, uint64_t *word)
{
    bool is_in_window = address - memory->window_start < memory->window_size;
    if (!is_in_window && !move_window(memory, address))
        return false;
    *word = memory->window[(address - memory->window_start) / sizeof(uint64_t)];
    return true;
}

bool stack_memory_read(struct stack_memory *memory, uintptr_t address, uint64_t *word)
{
    if (address % sizeof(uint64_t) != 0 || address < memory->low || address >= memory->high ||
        memory->high - address < sizeof(uint64_t))
        return false;
    if (memory->access == STACK_COPIED)
        return read_copied(memory, address, word);
    if (memory->access == STACK_UNREADABLE)
        return false;
    *word = read_word(address);
    return true;
}
