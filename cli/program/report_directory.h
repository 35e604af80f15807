/* SPDX-License-Identifier: MIT */
/*
 * A private directory for a program's reports, and the door in it: a socket to which the library of
 * a process connects when the process is about to end. The process waits there until the command
 * has looked at it.
 */
#ifndef HAK_CLI_REPORT_DIRECTORY_H
#define HAK_CLI_REPORT_DIRECTORY_H

#include <limits.h>
#include <sys/types.h>

/* Make the directory; if that fails, the command ends with one line that begins with `command`. */
void report_directory_make(const char *command, char path[PATH_MAX]);
/* Remove the directory with all files in it. */
void report_directory_remove(const char *path);

/* Open the door; -1: that is not possible. */
int door_open(const char *directory);
/* The next process that waits at the door. Returns a socket: closing it lets the process go. -1: no
 * process waits. */
int door_accept(int door, pid_t *pid);

#endif
