/* SPDX-License-Identifier: MIT */
/*
 * A process as a target: opened, read and written through /proc.
 */
#ifndef HAK_CLI_PROCESS_H
#define HAK_CLI_PROCESS_H

#include "heap/target.h"

/* Open a process. False: see ->error; nothing needs closing. */
bool target_open_process(struct target *target, pid_t pid);
/* Open a process for target_write too. */
bool target_open_to_write(struct target *target, pid_t pid);
/* Read from `address` on, as many bytes as can be read in one piece. */
size_t process_read(struct target *target, uint64_t address, void *into, size_t size);
/* Set ->error to the reason why the process can no longer be read. Always false. */
bool process_explain(struct target *target, int error);
/* Write to a process that was opened for that. False if it does not run the same program any
 * more. */
bool target_write(struct target *target, uint64_t address, const void *from, size_t size);
/* Is libhakmem named in the LD_PRELOAD that the process was started with? */
bool process_names_library(const struct target *target);
/* The name of a thread of a process; "" when it is not known. */
void target_thread_name(const struct target *target, uint32_t thread_id, char name[16]);
/* Threads of a process; 0 in a core, or when they are not known. */
size_t target_thread_count(const struct target *target);
/* The stack pointers of the threads that are waiting now; the caller frees the array. None in a
 * core. */
uint64_t *target_stack_pointers(const struct target *target, size_t *count);
/* Read the mappings and their resident bytes again; processes only. */
bool target_refresh(struct target *target);
/* VmRSS of a process at this moment, in bytes. False if it has no memory any more. */
bool target_rss(const struct target *target, uint64_t *bytes);
/* How wrong VmRSS may be: before Linux 6.16 each processor or thread adds its count only now and
 * then. */
uint64_t target_rss_slack(const struct target *target);

#endif
