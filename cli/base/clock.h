/* SPDX-License-Identifier: MIT */
/*
 * The clock with which the command measures and waits.
 */
#ifndef HAK_CLI_CLOCK_H
#define HAK_CLI_CLOCK_H

/* Seconds, by a clock that never goes back. */
double clock_seconds(void);

#endif
