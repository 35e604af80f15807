/* SPDX-License-Identifier: MIT */
/*
 * The verb of this folder: argv[0] is "hakmem serve"; it returns the exit status.
 */
#ifndef HAK_CLI_SERVE_VERBS_H
#define HAK_CLI_SERVE_VERBS_H

int serve_command(int argc, char **argv);

#endif
