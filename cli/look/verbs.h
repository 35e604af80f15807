/* SPDX-License-Identifier: MIT */
/*
 * The verbs of this folder: argv[0] is "hakmem VERB"; each returns the exit status.
 */
#ifndef HAK_CLI_LOOK_VERBS_H
#define HAK_CLI_LOOK_VERBS_H

int stats_command(int argc, char **argv);
int top_command(int argc, char **argv);
int map_command(int argc, char **argv);
int why_command(int argc, char **argv);
int snapshot_command(int argc, char **argv);
int diff_command(int argc, char **argv);

#endif
