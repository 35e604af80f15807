/* SPDX-License-Identifier: MIT */
/*
 * The calls that calls.c reports to the counter, by kind and size class. Any thread may call these
 * functions at any time. They keep errno, allocate nothing, and do nothing in a process whose calls
 * are not counted.
 */
#ifndef HAK_RECORD_COUNTER_H
#define HAK_RECORD_COUNTER_H

#include <stdbool.h>
#include <stddef.h>

#include "operations.h"

/* Begin, if the environment asks for it and this is the process to count. */
void counter_start(void);
/* Are calls counted? */
bool counter_is_on(void);
/* Count a call of this kind for a block with this many usable bytes. */
void counter_add(enum operation operation, size_t usable);

#endif
