/* SPDX-License-Identifier: MIT */
/*
 * The static probes of OpenTelemetry's contract for memory profiles (opentelemetry-ebpf-profiler,
 * design document 00003): otel_memory:alloc(pointer, size, weight) when a block is sampled, and
 * otel_memory:free(pointer) when a sampled block is freed. A probe is a nop instruction, and a note
 * in the section .note.stapsdt: the address of the nop, the address of a semaphore, and the places
 * of the arguments. A tracer replaces the nop, and adds 1 to the semaphore while it listens.
 * probes.c
 */
#ifndef HAK_WATCH_PROBES_H
#define HAK_WATCH_PROBES_H

#include "base/base.h"

/* The semaphores; tracers expect these names. Only tracers write them, from outside. */
extern _Atomic uint16_t otel_memory_alloc_semaphore;
extern _Atomic uint16_t otel_memory_free_semaphore;

/* Does a tracer listen? */
static always_inline bool probes_are_heard(void)
{
    /* relaxed: a thread may notice a tracer a little later */
    return (atomic_load_explicit(&otel_memory_alloc_semaphore, memory_order_relaxed) |
            atomic_load_explicit(&otel_memory_free_semaphore, memory_order_relaxed)) != 0;
}

/* The block was sampled: it has `size` usable bytes, and stands for `weight` bytes in blocks of its
 * size. To be called before another thread can know the block. */
void probe_alloc(const void *block, uint64_t size, uint64_t weight);
/* The sampled block is about to be freed. */
void probe_free(const void *block);

#endif
