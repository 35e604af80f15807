/* SPDX-License-Identifier: MIT */
/*
 * The table of settings as the command sees it, and the verb that prints it.
 */
#ifndef HAK_CLI_SETTINGS_H
#define HAK_CLI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* `hakmem settings`: argv[0] is its name; returns the exit status. */
int settings_command(int argc, char **argv);

#endif
