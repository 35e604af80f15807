/* SPDX-License-Identifier: MIT */
/*
 * A target: a running process, or a core file, whose memory is read and never run. What is read may
 * change at any moment: a read that fails is an ordinary answer.
 */
#ifndef HAK_CLI_TARGET_H
#define HAK_CLI_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TARGET_PAGE ((size_t)4096)

/* One mapping of the target's address space. */
struct mapping {
    uint64_t start;
    uint64_t end;
    uint64_t file_offset; /* of `start` in `path` */
    uint64_t rss;         /* bytes; 0 in a core */
    bool is_writable;
    char *path; /* of a file or a name in brackets; "" for none */
};

/* One range of a core file's memory. */
struct segment {
    uint64_t start;
    uint64_t file_offset;
    uint64_t file_size;
    uint64_t size;
    bool is_writable;
};

/* Purpose: what is known of a target. Invariant: mappings and segments are sorted by address and do
 * not overlap. */
struct target {
    pid_t pid; /* of a core: of the process that it was */
    bool is_core;
    const char *core_path; /* as it was given */
    char program[64];      /* printable */
    char state;            /* of a process: as /proc/PID/stat has it: R, S, T, ... */
    int file;              /* the core, or /proc/PID/pagemap; -1 for none */
    struct mapping *mappings;
    size_t mapping_count;
    struct segment *segments;
    size_t segment_count;
    bool is_refused; /* the last failure was one of permission */
    char error[320]; /* why the last call of this header failed, without a newline */
};

/* A piece of memory to read. */
struct piece {
    uint64_t address;
    void *into;
    size_t size;
    bool is_read; /* out */
};

/* Open a process, or a core file. False: see ->error; nothing needs closing. */
bool target_open_process(struct target *target, pid_t pid);
bool target_open_core(struct target *target, const char *path);
void target_close(struct target *target);

/* All of [address, +size), or false. */
bool target_read(struct target *target, uint64_t address, void *into, size_t size);
/* Many pieces in few calls; each says whether it was read. */
void target_gather(struct target *target, struct piece *pieces, size_t count);
/* Write to a process. */
bool target_write(struct target *target, uint64_t address, const void *from, size_t size);
/* Fill present[i] with 1 if page i from `address` (a page's start) counts as resident: in a
 * process, as smaps counts; in a core, a page that was dumped and is not all zero. */
void target_present(struct target *target, uint64_t address, size_t pages, uint8_t *present);
/* The name of a thread of a process; "" when it is not known. */
void target_thread_name(const struct target *target, uint32_t thread_id, char name[16]);
/* Bring the mappings and their resident bytes up to date; a process only. */
bool target_refresh(struct target *target);
/* The address of hakmem_root. 0: there is none. */
uint64_t target_find_root(struct target *target);

/* ---- parts of the above, by file ---- */

/* core_file.c */
bool core_open(struct target *target, const char *path);
bool core_read(struct target *target, uint64_t address, void *into, size_t size);
void core_present(struct target *target, uint64_t address, size_t pages, uint8_t *present);

/* residency.c: for kernels without PAGEMAP_SCAN; `present` must be zero. The zero page counts. */
void residency_from_pagemap(int file, uint64_t address, size_t pages, uint8_t *present);

/* symbol.c: the file offset of a symbol of an ELF file; false when the file has none. */
bool symbol_find(const char *path, const char *symbol, uint64_t *file_offset);

/* Set ->error; always false. */
bool target_fail(struct target *target, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Text of the target, for the terminal and for JSON: what is special becomes '?'. */
void target_make_printable(char *text);
/* Put a name into ->program, with what is not printable as '?'. */
void target_set_program(struct target *target, const char *name);
/* Another mapping at the end; it copies the path. */
void target_add_mapping(struct target *target, const struct mapping *mapping);
/* What `realloc` gives, or the end of the command. */
void *target_resize(void *block, size_t count, size_t size);

#endif
