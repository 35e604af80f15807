/* SPDX-License-Identifier: MIT */
/*
 * Owns the probes and their semaphores. Each probe is in a function of its own, so that it has one
 * note. The notes are written here, and not by sys/sdt.h, so that a build needs no further package
 * and every build has the probes. On processors other than the two below, the probes do nothing.
 * May never be called with a lock held: a tracer may stop the thread in the probe for a while.
 */
#include "watch/probes.h"

/* A tracer computes a semaphore's address from its offset in the file. So the semaphores must lie
 * in a section that the file contains, and not in .bss. */
#define probe_data __attribute__((used, section(".probes")))

probe_data _Atomic uint16_t otel_memory_alloc_semaphore;
probe_data _Atomic uint16_t otel_memory_free_semaphore;

/* A nop with its note. If a tool changes the addresses of a finished file (prelink), it changes the
 * address of the section .stapsdt.base, but not the addresses in the note: a reader of the note
 * corrects them by the difference. */
#define PROBE(name, arguments)                                                                     \
    "990: nop\n"                                                                                   \
    ".pushsection .note.stapsdt, \"\", \"note\"\n"                                                 \
    ".balign 4\n"                                                                                  \
    ".4byte 992f - 991f, 994f - 993f, 3\n"                                                         \
    "991: .asciz \"stapsdt\"\n"                                                                    \
    "992: .balign 4\n"                                                                             \
    "993: .8byte 990b, _.stapsdt.base, otel_memory_" name "_semaphore\n"                           \
    ".asciz \"otel_memory\"\n"                                                                     \
    ".asciz \"" name "\"\n"                                                                        \
    ".asciz \"" arguments "\"\n"                                                                   \
    "994: .balign 4\n"                                                                             \
    ".popsection\n"                                                                                \
    ".ifndef _.stapsdt.base\n"                                                                     \
    ".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n"                    \
    ".weak _.stapsdt.base\n"                                                                       \
    ".hidden _.stapsdt.base\n"                                                                     \
    "_.stapsdt.base: .space 1\n"                                                                   \
    ".size _.stapsdt.base, 1\n"                                                                    \
    ".popsection\n"                                                                                \
    ".endif\n"

#if defined(__x86_64__) && defined(__LP64__)

__attribute__((noinline)) void probe_alloc(const void *block, uint64_t size, uint64_t weight)
{
    __asm__ volatile(PROBE("alloc", "8@%%rdi 8@%%rsi 8@%%rdx")::"D"(block), "S"(size), "d"(weight));
}

__attribute__((noinline)) void probe_free(const void *block)
{
    __asm__ volatile(PROBE("free", "8@%%rdi")::"D"(block));
}

#elif defined(__aarch64__) && defined(__LP64__)

__attribute__((noinline)) void probe_alloc(const void *block, uint64_t size, uint64_t weight)
{
    register const void *x0 __asm__("x0") = block;
    register uint64_t x1 __asm__("x1") = size;
    register uint64_t x2 __asm__("x2") = weight;
    __asm__ volatile(PROBE("alloc", "8@x0 8@x1 8@x2")::"r"(x0), "r"(x1), "r"(x2));
}

__attribute__((noinline)) void probe_free(const void *block)
{
    register const void *x0 __asm__("x0") = block;
    __asm__ volatile(PROBE("free", "8@x0")::"r"(x0));
}

#else

void probe_alloc(const void *block, uint64_t size, uint64_t weight)
{
    (void)block;
    (void)size;
    (void)weight;
}

void probe_free(const void *block)
{
    (void)block;
}

#endif
