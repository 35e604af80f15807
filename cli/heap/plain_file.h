/* SPDX-License-Identifier: MIT */
/*
 * Reads files that a target names, and that its owner may change meanwhile.
 */
#ifndef HAK_CLI_PLAIN_FILE_H
#define HAK_CLI_PLAIN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Open a regular file for reading, and nothing else: to open a device may have effects, and a pipe
 * may block. -1: errno says why; EINVAL for another kind of file. */
struct stat;
int plain_file_open(const char *path, struct stat *status);
/* Read all of [offset, +size). False if it cannot be. */
bool plain_file_read(int file, uint64_t offset, void *into, size_t size);

#endif
