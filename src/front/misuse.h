/* SPDX-License-Identifier: MIT */
/*
 * Misuse: what is wrong with a pointer, and the end of the program with one line. misuse.c
 */
#ifndef HAK_FRONT_MISUSE_H
#define HAK_FRONT_MISUSE_H

#include "lane/lane.h"

/* End the program with one line. `verdict` must be a fault. */
__attribute__((noreturn)) void misuse_report(const char *function, struct verdict verdict);
/* The verdict on blocks that were given back: returns if they were sound, else ends the program in
 * free's name. */
static inline void misuse_stop_at_fault(struct verdict verdict)
{
    if (unlikely(verdict.fault != FAULT_NONE))
        misuse_report("free", verdict);
}
/* What is wrong with a pointer inside the reservation at which no live block starts? */
struct verdict misuse_diagnose(const void *block);
/* End the program: `block`, given to `function`, is no pointer of any allocator. */
__attribute__((noreturn)) void misuse_report_foreign(const char *function, const void *block);

#endif
