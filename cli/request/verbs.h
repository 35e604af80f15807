/* SPDX-License-Identifier: MIT */
/*
 * The verbs of this folder: argv[0] is "hakmem VERB"; each returns the exit status.
 */
#ifndef HAK_CLI_REQUEST_VERBS_H
#define HAK_CLI_REQUEST_VERBS_H

int trim_command(int argc, char **argv);
int set_command(int argc, char **argv);
int limit_command(int argc, char **argv);

#endif
