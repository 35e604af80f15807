/* SPDX-License-Identifier: MIT */
/*
 * A target: a running process, or a core file. Its memory is read and never run. Its owner may be
 * hostile: nothing in it is trusted, no file that it names is mapped, and the work is bounded by
 * the memory that it really has. Its memory may change at any moment, so a read may fail at any
 * time.
 */
#ifndef HAK_CLI_TARGET_H
#define HAK_CLI_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TARGET_PAGE ((size_t)4096)
/* No process has memory at or above this address. */
#define TARGET_ADDRESS_END ((uint64_t)1 << 56)

/* One mapping of the target's address space. */
struct mapping {
    uint64_t start;
    uint64_t end;
    uint64_t file_offset; /* the offset of `start` in `path` */
    uint64_t device;      /* identifies the file, with `inode`; 0 in a core */
    uint64_t inode;       /* 0: no file */
    uint64_t rss;         /* bytes; 0 in a core */
    bool is_writable;
    bool is_executable;
    bool is_shared;
    char *path; /* path of a file, or a name in brackets; "" if none */
};

/* One range of a core file's memory. */
struct segment {
    uint64_t start;
    uint64_t file_offset;
    uint64_t file_size;
    uint64_t size;
    bool is_writable;
};

/* Purpose: a target. Invariant: mappings and segments are sorted by address and do not overlap. The
 * files of a process are opened once: `memory` stays with the program that ran then, and all reads
 * and writes fail once the process has executed another one. */
struct target {
    pid_t pid; /* in a core: the process that it was */
    bool is_core;
    const char *core_path; /* as it was given */
    char program[64];      /* printable */
    char state;            /* of a process, as in /proc/PID/stat: R, S, T, ... */
    int directory;         /* /proc/PID; -1 for none */
    int memory;            /* /proc/PID/mem; -1 for none */
    int file;              /* the core, or /proc/PID/pagemap; -1 for none */
    struct mapping *mappings;
    size_t mapping_count;
    uint64_t rss; /* VmRSS, just before the mappings were read */
    struct segment *segments;
    size_t segment_count;
    bool is_gone;    /* its memory is gone: the process has ended, or executed a program */
    bool is_refused; /* the last failure was a lack of permission */
    bool is_without; /* the last failure was that the target does not use HAKMEM */
    bool is_damaged; /* the last failure was that the heap contradicts itself */
    char error[320]; /* the reason why the last call failed, without a newline */
};

void target_close(struct target *target);
/* The mapping that contains an address, or NULL. */
const struct mapping *target_mapping(const struct target *target, uint64_t address);

/* Set ->error; always false. */
bool target_fail(struct target *target, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, beginning with the target: "process 7 (name): WHAT". */
bool target_fail_named(struct target *target, const char *what);
/* The same for a heap that contradicts itself: "...: its heap is damaged: WHAT". */
bool target_fail_damaged(struct target *target, const char *what);
/* Replace each unprintable character in a text of the target by '?', for the terminal and for
 * JSON. */
void target_make_printable(char *text);
/* Copy a name to ->program, with '?' for each unprintable character. */
void target_set_program(struct target *target, const char *name);
/* Add a mapping at the end; copies the path. */
void target_add_mapping(struct target *target, const struct mapping *mapping);
/* Remove the mappings that end above `address`. */
void target_drop_mappings_from(struct target *target, uint64_t address);
void target_drop_mappings(struct target *target);

#endif
