/* SPDX-License-Identifier: MIT */
/*
 * What calls.c tells the recorder. All are safe to call from any thread, keep errno, allocate
 * nothing from any allocator, and do nothing in a process that is not recorded. The caller must not
 * come back from a signal handler while it is in one of them (calls.c sees to that).
 */
#ifndef HAK_RECORD_RECORDER_H
#define HAK_RECORD_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

/* Begin, where the environment asks for it and this is the process to record. Called at the first
 * call and by the constructor: the environment may not be there yet. */
void recorder_start(void);

/* A call of this kind returned this block (NULL, a failed call, is none). */
void recorder_add(enum trace_op op, const void *block, size_t size, size_t alignment);

/* The block is about to be freed. */
void recorder_remove(const void *block);

/* The block is about to be resized, and from now on its address may be another's. Its slot, or
 * RECORDER_UNKNOWN. */
#define RECORDER_UNKNOWN UINT64_MAX
uint64_t recorder_detach(const void *block);

/* The detached block was resized and is now at `block`; it was not resized and is where it was;
 * it was freed. */
void recorder_resized(uint64_t slot, const void *block, size_t size);
void recorder_attach(uint64_t slot, const void *block);
void recorder_freed(uint64_t slot);

#endif
