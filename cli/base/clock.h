/* SPDX-License-Identifier: MIT */
/*
 * The clock by which the command measures and waits.
 */
#ifndef HAK_CLI_CLOCK_H
#define HAK_CLI_CLOCK_H

/* Seconds of a clock that only goes forward. */
double clock_seconds(void);

#endif
