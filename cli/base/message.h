/* SPDX-License-Identifier: MIT */
/*
 * Exit statuses, and messages of one line on standard error.
 */
#ifndef HAK_CLI_MESSAGE_H
#define HAK_CLI_MESSAGE_H

/* Exit statuses besides those of the program; the last three are those of env(1) and nohup(1). */
#define EXIT_USAGE 2
#define EXIT_PENDING 3 /* a request has not been served yet */
#define EXIT_INTERNAL 125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL_BASE 128

/* Write one line on standard error, and return `status`, so that a caller can return it too. Bytes
 * that are not printable become '?', so that it stays one line. */
int cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a message that is not an error. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flush standard output. Returns `status`; if not all could be written, writes one line and returns
 * EXIT_FAILURE. */
int cli_end_output(int status);

/* Put a variable into the environment. If there is no memory, the process ends. */
void cli_export(const char *name, const char *value);

#endif
