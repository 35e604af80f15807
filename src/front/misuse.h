/* SPDX-License-Identifier: MIT */
/*
 * Misuse of pointers: describes the misuse in one line, and ends the program. misuse.c
 */
#ifndef HAK_FRONT_MISUSE_H
#define HAK_FRONT_MISUSE_H

#include "lane/lane.h"

/* End the program with one line. `verdict` must be a fault. */
__attribute__((noreturn)) void misuse_report(const char *function, struct verdict verdict);
/* Takes the verdict on blocks that were given back. Returns if they are sound; else ends the
 * program in the name of free. */
static inline void misuse_stop_at_fault(struct verdict verdict)
{
    if (unlikely(verdict.fault != FAULT_NONE))
        misuse_report("free", verdict);
}
/* The verdict on a pointer in the reservation at which no live block starts. */
struct verdict misuse_diagnose(const void *block);
/* End the program: `block`, given to `function`, is from no allocator that we know. */
__attribute__((noreturn)) void misuse_report_foreign(const char *function, const void *block);

#endif
