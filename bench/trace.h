/* SPDX-License-Identifier: MIT */
/*
 * The format of a trace: the allocator's calls of one process, written by record/ (the library that
 * `hakmem record` preloads) and played by replay.c. Needs no other file.
 *
 * A file is a header page, then `used` bytes of records, in one global order. A block is named by
 * a slot, a number below `slots`. A record is a varint (7 bits a byte, the lowest first; the high
 * bit is set in each byte but the last) of `value << TRACE_OP_BITS | op`, and the numbers in the
 * third column of this table:
 *
 *   op       value    followed by            means
 *   MALLOC   size     slot                   a new block
 *   CALLOC   size     slot                   a new block, zeroed
 *   ALIGNED  size     log2 alignment, slot   a new block
 *   REALLOC  size     old slot, new slot     the block is resized, and moves to the new slot
 *   FREE     slot                            the block is freed
 *   THREAD   number                          the next records are of this thread; the first is 0
 *   WINDOW   0                               all threads reach this point before one continues
 *
 * The first records are of thread 0, and a new thread's first record opens a window. Once there is
 * a second thread, a slot that a record has emptied is filled again only in a later window. So a
 * program that plays a window on many threads must keep only one order in it: a slot is full before
 * its block is resized or freed. Calls that failed are left out. Numbers are little-endian.
 */
#ifndef HAK_BENCH_TRACE_H
#define HAK_BENCH_TRACE_H

#include <stdint.h>

#define TRACE_MAGIC "hmtrace"
#define TRACE_VERSION 1
#define TRACE_HEADER_BYTES 4096
/* In the environment, from `hakmem record` to the recorder: the file's absolute path. */
#define TRACE_VARIABLE "HMTRACE"
/* The longest record: three numbers of 10 bytes. */
#define TRACE_RECORD_MAX 30
/* There is no record that is one byte 0: it marks a place where the file was never written. */
enum trace_op {
    TRACE_NONE,
    TRACE_MALLOC,
    TRACE_CALLOC,
    TRACE_ALIGNED,
    TRACE_REALLOC,
    TRACE_FREE,
    TRACE_THREAD,
    TRACE_WINDOW
};
#define TRACE_OP_BITS 3
#define TRACE_OPS (1u << TRACE_OP_BITS)

/* The head of the file. It is updated with every record, so that a killed program leaves a complete
 * trace of what it did. */
struct trace_header {
    char magic[8];
    uint32_t version;
    uint32_t is_cut; /* the recorder stopped before the end of the program */
    uint64_t pid;
    uint64_t used; /* bytes of records */
    uint64_t calls;
    uint64_t threads;
    uint64_t slots;
};

/* Write a number. Returns where the next byte goes. */
static inline unsigned char *trace_put(unsigned char *at, uint64_t number)
{
    while (number > 0x7f) {
        *at++ = (unsigned char)(number | 0x80);
        number >>= 7;
    }
    *at++ = (unsigned char)number;
    return at;
}

/* Read a number of at most 10 bytes. Returns where the next byte is. */
static inline const unsigned char *trace_get(const unsigned char *at, uint64_t *number)
{
    uint64_t value = *at & 0x7f;
    for (unsigned shift = 7; *at++ & 0x80 && shift < 64; shift += 7) {
        value |= (uint64_t)(*at & 0x7f) << shift;
    }
    *number = value;
    return at;
}

/* A record that has been read. Fields that its kind does not have are 0. */
struct trace_record {
    enum trace_op op;
    uint64_t value; /* size, slot, thread */
    uint64_t shift; /* log2 of the alignment */
    uint64_t old;   /* the slot emptied */
    uint64_t slot;  /* the slot filled */
};

/* Read a record; reads at most TRACE_RECORD_MAX bytes. Returns where the next one is. */
static inline const unsigned char *trace_read(const unsigned char *at, struct trace_record *record)
{
    *record = (struct trace_record){0};
    at = trace_get(at, &record->value);
    record->op = (enum trace_op)(record->value & (TRACE_OPS - 1));
    record->value >>= TRACE_OP_BITS;
    if (record->op == TRACE_ALIGNED) {
        at = trace_get(at, &record->shift);
    } else if (record->op == TRACE_REALLOC) {
        at = trace_get(at, &record->old);
    }
    if (record->op <= TRACE_REALLOC) {
        at = trace_get(at, &record->slot);
    }
    return at;
}

#endif
