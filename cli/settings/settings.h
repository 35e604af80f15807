/* SPDX-License-Identifier: MIT */
/*
 * The table of settings as the command sees it, and the verb that prints it.
 */
#ifndef HAK_CLI_SETTINGS_H
#define HAK_CLI_SETTINGS_H

#include "os/setting_rows.h"

/* Check NAME=VALUE against the table and put HAKMEM_NAME into the environment. NAME may have the
 * prefix, and NAME and VALUE be in either case. A bad one ends the process with one line and
 * EXIT_USAGE. */
void settings_export(const char *assignment);

/* Check NAME=VALUE for a running process, in the words of `command`: the setting's place among
 * HAK_LIVE_SETTINGS, and the value. A bad one, or one that holds from the start on, ends the
 * process. */
void settings_parse_live(const char *command, const char *assignment, unsigned *live,
                         int64_t *value);
/* A row's value as one would type it, and whether it is the default. */
bool settings_value(const struct settings *of, const struct setting_row *row, char *text,
                    size_t size);

/* `hakmem settings`: argv[0] is its name; returns the exit status. */
int settings_command(int argc, char **argv);

#endif
