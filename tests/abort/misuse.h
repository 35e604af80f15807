/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/abort share. Each misuses the allocator once; its first line names the
 * text expected in the one line `hakmem: ...` on standard error, before SIGABRT. They use ordinary
 * names only: run under LD_PRELOAD of the library or linked with it. One that comes to its end
 * exits with 0, which the runner takes for a failure, since the misuse went unseen.
 */
#ifndef TESTS_ABORT_MISUSE_H
#define TESTS_ABORT_MISUSE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

/* Keeps the compiler from seeing the misuse. */
static inline void *opaque(const void *pointer)
{
    void *result = (void *)(uintptr_t)pointer;
    __asm__ volatile("" : "+r"(result) : : "memory");
    return result;
}

/* The address as a number, which outlives the block. */
static inline void *pointer_of(uintptr_t address)
{
    return opaque((void *)address);
}

static inline uintptr_t address_of(const void *pointer)
{
    return (uintptr_t)opaque(pointer);
}

/* A block, touched, so that it is more than address space. */
static inline void *block_of(size_t size)
{
    char *block = opaque(malloc(size));
    if (block == NULL) {
        fprintf(stderr, "misuse.h: malloc(%zu) failed\n", size);
        exit(2);
    }
    memset(block, 1, size < 64 ? size : 64);
    return block;
}

#endif
