/* SPDX-License-Identifier: MIT */
/*
 * Numbers of calls, in memory that `hakmem run --operations` shares with the recorder's library in
 * the program (counter.c). The command makes it, filled with zeros, names it in the environment,
 * and reads it when the program has ended, even if it was killed.
 */
#ifndef HAK_RECORD_OPERATIONS_H
#define HAK_RECORD_OPERATIONS_H

#include <stdint.h>

#include "lane/lane.h"

/* In the environment: the path of a file of sizeof(struct operations). */
#define OPERATIONS_VARIABLE "HMCOUNT"
/* Threads that count in separate places; later ones share a place. */
#define OPERATION_PLACES 64

enum operation {
    OPERATION_MALLOC,
    OPERATION_CALLOC,
    OPERATION_ALIGNED,
    OPERATION_REALLOC, /* in the class of the result */
    OPERATION_FREE,
    OPERATION_KINDS
};

/* Purpose: calls of one process by size class and kind. Owner: each number changes by atomic
 * operations. Invariant: pid is that of the process that counts; if it is 0, so is all else. */
struct operations {
    uint64_t pid;
    uint64_t threads; /* threads that have counted */
    uint64_t calls[OPERATION_PLACES][CLASS_HUGE + 1][OPERATION_KINDS];
};

#endif
