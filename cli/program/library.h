/* SPDX-License-Identifier: MIT */
/*
 * Where our libraries are, and how a program gets one preloaded.
 */
#ifndef HAK_CLI_LIBRARY_H
#define HAK_CLI_LIBRARY_H

#include <limits.h>

#define LIBRARY_ALLOCATOR "libhakmem.so"
#define LIBRARY_RECORDER "libhakmem_record.so"

/* Where one of our libraries is: an absolute path. HAKMEM_LIBRARY can name the allocator's. Where
 * there is none: one line that begins with `command`, and EXIT_INTERNAL. */
void library_find(const char *command, const char *name, char path[PATH_MAX]);

/* End the process as above when the path is one that LD_PRELOAD cannot name. */
void library_check(const char *command, const char *path);

/* Put a library first in LD_PRELOAD, before what the user preloads. */
void library_export(const char *command, const char *path);

/* All of the above; a library that the loader refuses ends the process as well. */
void library_preload(const char *command, const char *name);

#endif
