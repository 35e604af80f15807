/* SPDX-License-Identifier: MIT */
/*
 * The verbs of this folder: argv[0] is "hakmem VERB"; each returns the exit status.
 */
#ifndef HAK_CLI_RUN_VERBS_H
#define HAK_CLI_RUN_VERBS_H

int run_command(int argc, char **argv);
int record_command(int argc, char **argv);
int report_command(int argc, char **argv);

#endif
