/* SPDX-License-Identifier: MIT */
/*
 * The verbs of this folder: argv[0] is "hakmem VERB"; each returns the exit status.
 */
#ifndef HAK_CLI_SITES_VERBS_H
#define HAK_CLI_SITES_VERBS_H

int sites_command(int argc, char **argv);
int profile_command(int argc, char **argv);
int leaks_command(int argc, char **argv);

#endif
