/* SPDX-License-Identifier: MIT */
/*
 * A target: a running process, or a core file, whose memory is read and never run. Its owner may be
 * an enemy of its reader: nothing in it is believed, no file that it names is mapped, and
 * the work is bounded by the memory that it really has. What is read may change at any moment: a
 * read that fails is an ordinary answer.
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
    uint64_t file_offset; /* of `start` in `path` */
    uint64_t device;      /* with `inode`: the file; 0 in a core */
    uint64_t inode;       /* 0: of no file */
    uint64_t rss;         /* bytes; 0 in a core */
    bool is_writable;
    bool is_executable;
    bool is_shared;
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
 * not overlap. The files of a process are opened once: `memory` stays with the program that ran
 * then, and reads and writes nothing once the process has executed another one. */
struct target {
    pid_t pid; /* of a core: of the process that it was */
    bool is_core;
    const char *core_path; /* as it was given */
    char program[64];      /* printable */
    char state;            /* of a process: as /proc/PID/stat has it: R, S, T, ... */
    int directory;         /* /proc/PID; -1 for none */
    int memory;            /* /proc/PID/mem; -1 for none */
    int file;              /* the core, or /proc/PID/pagemap; -1 for none */
    struct mapping *mappings;
    size_t mapping_count;
    uint64_t rss; /* VmRSS, just before the mappings were read */
    struct segment *segments;
    size_t segment_count;
    bool is_gone;    /* a read found that the process's memory is no more: an exec, or its end */
    bool is_refused; /* the last failure was one of permission */
    bool is_without; /* the last failure was that there is no HAKMEM in it */
    bool is_damaged; /* the last failure was that the heap contradicts itself */
    char error[320]; /* why the last call on the target failed, without a newline */
};

void target_close(struct target *target);
/* The mapping that holds an address, or NULL. */
const struct mapping *target_mapping(const struct target *target, uint64_t address);

/* Set ->error; always false. */
bool target_fail(struct target *target, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same in the name of the target: "process 7 (name): WHAT". */
bool target_fail_named(struct target *target, const char *what);
/* The same for a heap that contradicts itself: "...: its heap is damaged: WHAT". */
bool target_fail_damaged(struct target *target, const char *what);
/* Text of the target, for the terminal and for JSON: each character that is not printable becomes
 * '?'. */
void target_make_printable(char *text);
/* Put a name into ->program, with each character that is not printable as '?'. */
void target_set_program(struct target *target, const char *name);
/* Another mapping at the end; it copies the path. */
void target_add_mapping(struct target *target, const struct mapping *mapping);
/* Drop those that end behind `address`. */
void target_drop_mappings_from(struct target *target, uint64_t address);
void target_drop_mappings(struct target *target);

#endif
