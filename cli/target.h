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
    bool is_damaged; /* the last failure was that the heap contradicts itself */
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
/* A process that target_write will write to. */
bool target_open_to_write(struct target *target, pid_t pid);
void target_close(struct target *target);

/* All of [address, +size), or false. */
bool target_read(struct target *target, uint64_t address, void *into, size_t size);
/* As many bytes as can be read in one piece from `address` on. */
size_t target_read_part(struct target *target, uint64_t address, void *into, size_t size);
/* Many pieces; each says whether it was read. */
void target_gather(struct target *target, struct piece *pieces, size_t count);
/* Write to a process that was opened for that, and still runs the program that it ran then. */
bool target_write(struct target *target, uint64_t address, const void *from, size_t size);
/* Fill present[i] with 1 if page i from `address` (a page's start) counts as resident: in a
 * process, as smaps counts; in a core, a page that was dumped and is not all zero. Returns how many
 * are. */
size_t target_present(struct target *target, uint64_t address, size_t pages, uint8_t *present);
/* Resident bytes of [from, to), of any length. */
uint64_t target_resident_bytes(struct target *target, uint64_t from, uint64_t to);
/* Add the resident pages of [from, to) to a set. */
struct page_set;
void target_resident_pages(struct target *target, uint64_t from, uint64_t to, struct page_set *set);
/* The same for memory that is the target's own alone: private, with content, resident or swapped
 * out. Pages of files and shared memory do not count: one page of these can be mapped a thousand
 * times. */
size_t target_own(struct target *target, uint64_t address, size_t pages, uint8_t *own);
uint64_t target_own_bytes(struct target *target, uint64_t from, uint64_t to);
/* The name of a thread of a process; "" when it is not known. */
void target_thread_name(const struct target *target, uint32_t thread_id, char name[16]);
/* Threads of a process; 0 in a core, or when they are not known. */
size_t target_thread_count(const struct target *target);
/* The stack pointers of the threads that wait at this moment, to be freed; none in a core. */
uint64_t *target_stack_pointers(const struct target *target, size_t *count);
/* Bring the mappings and their resident bytes up to date; a process only. */
bool target_refresh(struct target *target);
/* VmRSS of a process at this moment, in bytes; false when it has no memory any more. */
bool target_rss(const struct target *target, uint64_t *bytes);
/* By how much VmRSS may be wrong: kernels before 6.16 add up what each processor or thread has
 * counted only now and then. */
uint64_t target_rss_slack(const struct target *target);
/* The mapping that holds an address, or NULL. */
const struct mapping *target_mapping(const struct target *target, uint64_t address);

/* find_root.c: the mapping of the file that says what is at an address: there, or before it in one
 * piece, since zeroed data is memory of no file. NULL: there is none. */
const struct mapping *target_file_at(const struct target *target, uint64_t address);
/* The function or variable at an address. False: no file tells. */
struct symbol;
bool target_symbol_at(const struct target *target, uint64_t address, struct symbol *symbol);
/* The address of hakmem_root. 0: there is none. */
uint64_t target_find_root(struct target *target);
/* Where the library keeps the same root, if `root` is a copy: a program that names hakmem_root has
 * a copy of its own, by the linker. Else `root`. */
uint64_t target_find_original(struct target *target, uint64_t root);
/* Does [address, +size) lie in the memory of the program or library that holds the root: in private
 * mappings of the same file, or the zeroed memory that follows them? True of all addresses in a
 * core, which is never written to. */
bool target_is_of_root(const struct target *target, uint64_t root, uint64_t address, size_t size,
                       bool is_writable);

/* ---- parts of the above, by file ---- */

/* process.c */
size_t process_read(struct target *target, uint64_t address, void *into, size_t size);
/* Set ->error to why the process can no longer be read: always false. */
bool process_explain(struct target *target, int error);

/* core_file.c */
bool core_open(struct target *target, const char *path);
size_t core_read(struct target *target, uint64_t address, void *into, size_t size);
size_t core_present(struct target *target, uint64_t address, size_t pages, uint8_t *present);
/* The first part of [from, to) that the file holds, without its holes; false when there is none. */
bool core_next(struct target *target, uint64_t from, uint64_t to, uint64_t *start, uint64_t *end);

/* residency.c: for kernels without PAGEMAP_SCAN; `present` must be zero. The zero page counts. */
void residency_from_pagemap(int file, uint64_t address, size_t pages, uint8_t *present);

/* symbol.c: the file offset of a symbol of an ELF file; false when the file has none. `allowance`
 * is how many bytes may still be read for that. */
bool symbol_find(const char *path, const char *symbol, uint64_t *allowance, uint64_t *file_offset);
/* A function or variable of a file, and where in it a place is. */
struct symbol {
    char name[128]; /* printable */
    uint64_t into;  /* bytes from its start */
    uint64_t size;
};
/* The symbol that a place of an ELF file belongs to; false when there is none. */
bool symbol_at(const char *path, uint64_t file_offset, uint64_t *allowance, struct symbol *symbol);

/* plain_file.c: open a regular file for reading, and nothing else: opening a device may act, and a
 * pipe may wait. -1: errno says why; EINVAL for another kind of file. */
struct stat;
int plain_file_open(const char *path, struct stat *status);
/* All of [offset, +size), or false. */
bool plain_file_read(int file, uint64_t offset, void *into, size_t size);

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
/* What `realloc` gives, or the end of the command. */
void *target_resize(void *block, size_t count, size_t size);

#endif
