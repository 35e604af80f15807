/* SPDX-License-Identifier: MIT */
/*
 * Finds our libraries, and preloads one into a program.
 */
#ifndef HAK_CLI_LIBRARY_H
#define HAK_CLI_LIBRARY_H

#include <limits.h>

#define LIBRARY_ALLOCATOR "libhakmem.so"
#define LIBRARY_RECORDER "libhakmem_record.so"

/* Find one of our libraries: an absolute path. HAKMEM_LIBRARY can name the allocator's. If there is
 * none, the process ends with one line that begins with `command`, and EXIT_INTERNAL. */
void library_find(const char *command, const char *name, char path[PATH_MAX]);

/* End the process in the same way if LD_PRELOAD cannot name the path. */
void library_check(const char *command, const char *path);

/* Put a library first in LD_PRELOAD, before those of the user. */
void library_export(const char *command, const char *path);

/* All of the above; also ends the process if the loader refuses the library. */
void library_preload(const char *command, const char *name);

#endif
