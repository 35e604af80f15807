/* SPDX-License-Identifier: MIT */
/*
 * The calls that calls.c reports to the recorder. Any thread may call these functions at any time.
 * They keep errno, do not allocate, and do nothing in a process that is not recorded. A signal
 * handler that interrupts one of them must not call them (calls.c makes sure of that).
 */
#ifndef HAK_RECORD_RECORDER_H
#define HAK_RECORD_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

/* Begin, if the environment asks for it and this is the process to record. Called at the first call
 * and by the constructor: at the first call there may be no environment yet. */
void recorder_start(void);

/* A call of this kind returned this block; NULL, from a failed call, does not count. */
void recorder_add(enum trace_op op, const void *block, size_t size, size_t alignment);

/* The block is about to be freed. */
void recorder_remove(const void *block);

/* The block is about to be resized; from now on its address may belong to another block. Returns
 * its slot, or RECORDER_UNKNOWN. */
#define RECORDER_UNKNOWN UINT64_MAX
uint64_t recorder_detach(const void *block);

/* The detached block was resized and is now at `block`; or was not resized and is where it was; or
 * was freed. */
void recorder_resized(uint64_t slot, const void *block, size_t size);
void recorder_attach(uint64_t slot, const void *block);
void recorder_freed(uint64_t slot);

#endif
