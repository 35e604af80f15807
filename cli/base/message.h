/* SPDX-License-Identifier: MIT */
/*
 * How a command ends: exit statuses, and messages of one line on standard error.
 */
#ifndef HAK_CLI_MESSAGE_H
#define HAK_CLI_MESSAGE_H

/* Exit statuses besides the program's own; the last three are what env(1) and nohup(1) use. */
#define EXIT_USAGE 2
#define EXIT_PENDING 3 /* a request stands, and has not been served yet */
#define EXIT_INTERNAL 125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL_BASE 128

/* Write one line on standard error; gives `status` back, so that a caller can return it. Bytes of
 * the message that are not printable come out as '?', so that it stays one line. */
int cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same of what is no error. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flush standard output. Gives `status` back, or EXIT_FAILURE after one line when not all of it
 * could be written. */
int cli_end_output(int status);

/* Put a variable into the environment; out of memory ends the process. */
void cli_export(const char *name, const char *value);

#endif
