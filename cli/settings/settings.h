/* SPDX-License-Identifier: MIT */
/*
 * The table of settings, for the command, and the verb that prints it.
 */
#ifndef HAK_CLI_SETTINGS_H
#define HAK_CLI_SETTINGS_H

#include "os/setting_rows.h"

/* Check NAME=VALUE against the table, and put HAKMEM_NAME into the environment. NAME may have the
 * prefix; both may be in upper or lower case. An error ends the process with one line and
 * EXIT_USAGE. */
void settings_export(const char *assignment);

/* Check NAME=VALUE for a running process, with messages that begin with `command`. Returns the
 * setting's index in HAK_LIVE_SETTINGS, and the value. An error, or a setting that cannot change at
 * run time, ends the process. */
void settings_parse_live(const char *command, const char *assignment, unsigned *live,
                         int64_t *value);
/* The value of a row as the user would type it, and whether it is the default. */
bool settings_value(const struct settings *of, const struct setting_row *row, char *text,
                    size_t size);

/* `hakmem settings`: argv[0] is its name; returns the exit status. */
int settings_command(int argc, char **argv);

#endif
