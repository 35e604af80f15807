/* SPDX-License-Identifier: MIT */
/*
 * Numbers of calls, in memory that `hakmem run --operations` shares with the recorder's library in
 * the program (counter.c). The command makes it, zero, names it in the environment, and reads it
 * when the program has ended, by whatever end.
 */
#ifndef HAK_RECORD_OPERATIONS_H
#define HAK_RECORD_OPERATIONS_H

#include <stdint.h>

#include "lane/lane.h"

/* In the environment: the path of a file of sizeof(struct operations). */
#define OPERATIONS_VARIABLE "HMCOUNT"
/* Threads that count without meeting each other; later ones share a place. */
#define OPERATION_PLACES 64

enum operation {
    OPERATION_MALLOC,
    OPERATION_CALLOC,
    OPERATION_ALIGNED,
    OPERATION_REALLOC, /* in the class of the result */
    OPERATION_FREE,
    OPERATION_KINDS
};

/* Purpose: calls of one process by size class and kind. Owner: each number is added to by atomic
 * operations. Invariant: pid is the process's that counts; 0, and all else is. */
struct operations {
    uint64_t pid;
    uint64_t threads; /* that have counted */
    uint64_t calls[OPERATION_PLACES][CLASS_HUGE + 1][OPERATION_KINDS];
};

#endif
