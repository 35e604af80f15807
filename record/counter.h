/* SPDX-License-Identifier: MIT */
/*
 * What calls.c tells the counter: calls by kind and size class. All are safe to call from any
 * thread, keep errno, allocate nothing, and do nothing in a process whose calls are not counted.
 */
#ifndef HAK_RECORD_COUNTER_H
#define HAK_RECORD_COUNTER_H

#include <stdbool.h>
#include <stddef.h>

#include "operations.h"

/* Begin, where the environment asks for it and this is the process to count. */
void counter_start(void);
/* Is there anything to tell? */
bool counter_is_on(void);
/* A call of this kind was about a block with so many usable bytes. */
void counter_add(enum operation operation, size_t usable);

#endif
