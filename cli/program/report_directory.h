/* SPDX-License-Identifier: MIT */
/*
 * A private directory for a program's reports, and the door in it: a process that is about to end
 * comes there, and waits until it has been looked at.
 */
#ifndef HAK_CLI_REPORT_DIRECTORY_H
#define HAK_CLI_REPORT_DIRECTORY_H

#include <limits.h>
#include <sys/types.h>

/* Make a directory of our own; where that fails the command ends with one line that begins with
 * `command`. */
void report_directory_make(const char *command, char path[PATH_MAX]);
/* Remove it with all that is in it. */
void report_directory_remove(const char *path);

/* A socket in the directory; -1: there can be none. */
int door_open(const char *directory);
/* The next one who waits there: a socket to close when it may go, and its process. -1: nobody. */
int door_accept(int door, pid_t *pid);

#endif
