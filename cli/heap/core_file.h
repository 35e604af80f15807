/* SPDX-License-Identifier: MIT */
/*
 * A core file as a target.
 */
#ifndef HAK_CLI_CORE_FILE_H
#define HAK_CLI_CORE_FILE_H

#include "heap/target.h"

/* Open a core file. False: see ->error; nothing needs closing. */
bool target_open_core(struct target *target, const char *path);
/* Read from `address` on, as many bytes as the file has in one piece. */
size_t core_read(struct target *target, uint64_t address, void *into, size_t size);
size_t core_present(struct target *target, uint64_t address, size_t pages, uint8_t *present);
/* The first part of [from, to) that the file has, without holes; false if there is none. */
bool core_next(struct target *target, uint64_t from, uint64_t to, uint64_t *start, uint64_t *end);

#endif
