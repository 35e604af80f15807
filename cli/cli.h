/* SPDX-License-Identifier: MIT */
/*
 * What the files of the command `hakmem` share: exit statuses, the commands, the table of settings,
 * and running a program. The command does not link the
 * library: it knows its headers, by which heap_view.h reads a process's heap from outside, the
 * report's text and trace.h (a trace's head).
 */
#ifndef HAK_CLI_H
#define HAK_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

/* Exit statuses besides the program's own; the last three are what env(1) and nohup(1) use. */
#define EXIT_USAGE 2
#define EXIT_PENDING 3 /* a request stands, and has not been served yet */
#define EXIT_INTERNAL 125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL_BASE 128

/* ---- main.c ---- */

struct argp;
struct argp_state;

/* Write one line on standard error; gives `status` back, so that a caller can return it. Bytes of
 * the message that are not printable come out as '?', so that it stays one line. */
int cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Flush standard output. Gives `status` back, or EXIT_FAILURE after one line when not all of it
 * could be written. */
int cli_end_output(int status);

/* Put a variable into the environment; out of memory ends the process. */
void cli_export(const char *name, const char *value);

/* Parse argv (argv[0] is the command's name, as in "hakmem run") with `input` for the parser. An
 * error ends the process with one line and EXIT_USAGE, --help with the help. */
void cli_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Each argp parser calls this first; it handles --help and what is no option. */
void cli_parse_common(int key, struct argp_state *state);

/* The key of an option without a short form, and --help for each parser's table. */
#define CLI_KEY(number) (0x100 + (number))
#define CLI_KEY_HELP 'h'
// clang-format off
#define CLI_OPTION_HELP {"help", CLI_KEY_HELP, NULL, 0, "print this help", -1}
// clang-format on

/* ---- text.c ---- */

struct short_text {
    char bytes[24];
};
/* 512 B, 12.3 MiB: four digits at most before the point. */
struct short_text text_of_size(uint64_t bytes);
struct short_text text_of_percent(double part, double whole);
/* A whole decimal number of digits only. */
bool text_to_number(const char *text, uint64_t *number);

/* ---- The commands: argv[0] is "hakmem VERB"; each returns the exit status. ---- */

int run_command(int argc, char **argv);
int report_command(int argc, char **argv);
int compare_command(int argc, char **argv);
int record_command(int argc, char **argv);
int settings_command(int argc, char **argv);
int stats_command(int argc, char **argv);
int snapshot_command(int argc, char **argv);
int diff_command(int argc, char **argv);
int map_command(int argc, char **argv);
int why_command(int argc, char **argv);
int top_command(int argc, char **argv);
int trim_command(int argc, char **argv);
int set_command(int argc, char **argv);
int limit_command(int argc, char **argv);

/* ---- settings.c ---- */

#define SETTING_PREFIX "HAKMEM_"

/* Check NAME=VALUE against the table and put HAKMEM_NAME into the environment, numbers in plain
 * decimal. NAME may have the prefix and be in either case. A bad one ends the process with one line
 * and EXIT_USAGE. */
void settings_export(const char *assignment);

/* Check NAME=VALUE for a running process, in the words of `command`: the setting's place among
 * HAK_LIVE_SETTINGS, and the value. A bad one, or one that holds from the start on, ends the
 * process. */
void settings_parse_live(const char *command, const char *assignment, unsigned *live,
                         int64_t *value);
/* The row of one of HAK_LIVE_SETTINGS in the table. */
size_t settings_live_row(unsigned live);
/* The name of a row, without the prefix; NULL beyond the table. */
const char *settings_name(size_t row);
/* A value of a row that is no path, as one would type it. */
void settings_write_value(size_t row, int64_t value, char *text, size_t size);
/* A row's value as one would type it, and whether it is the default. */
struct settings;
bool settings_value(const struct settings *of, size_t row, char *text, size_t size);

/* ---- library.c ---- */

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

/* ---- program.c ---- */

/* What the kernel tells of a program that has ended. */
struct outcome {
    const char *program; /* as given on the command line */
    pid_t pid;
    int status; /* of wait4 */
    double wall_seconds;
    struct rusage usage; /* of the program and the children it waited for */
    int passed_on;       /* the last signal that was sent to us and went on to it; 0: none */
};

/* A program to run, and what to do meanwhile. */
struct program {
    const char *command; /* ours, for messages */
    char **argv;
    void (*prepare)(void *state); /* in the child, just before it becomes the program; or NULL */
    /* While it runs; returns how many ms to wait until the next look. Or NULL. */
    unsigned (*watch)(void *state, pid_t pid);
    void *state;
    /* While it runs, each time that there is something to read from the descriptor. Or NULL. */
    void (*answer)(void *state, int from);
    int from;
};

/* Run a program to its end. EXIT_SUCCESS when it ran, however it ended; else the status to exit
 * with, after one line that begins with the command. */
int program_run(const struct program *program, struct outcome *outcome);

/* Seconds of a clock that only goes forward. */
double program_clock(void);

/* What to exit with: the program's status, or EXIT_SIGNAL_BASE and its signal. */
int program_status(const struct outcome *outcome);

#endif
