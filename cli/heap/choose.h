/* SPDX-License-Identifier: MIT */
/*
 * The choice of the target that a verb reads: PID, or --core FILE. Shared by all such verbs.
 */
#ifndef HAK_CLI_CHOOSE_H
#define HAK_CLI_CHOOSE_H

#include "base/arguments.h"
#include "heap/view.h"

struct choice {
    const char *command; /* "hakmem stats" */
    const char *pid;
    const char *core;
    bool is_to_write; /* the process will be written to */
    bool is_attach;   /* and read again and again; but to open it may take a minute only */
    bool is_watch;    /* it will be read again and again: no time limit */
};

#define CHOICE_KEY_CORE CLI_KEY(40)
// clang-format off
#define CHOICE_OPTION_CORE                                                                         \
    {"core", CHOICE_KEY_CORE, "FILE", 0, "look at a core file instead of a process", 0}
// clang-format on

/* Parse the number of a process; if it is none, the command ends. */
pid_t choice_pid(const char *command, const char *text);
/* Open the chosen target and copy its heap. If that cannot be done, the command ends with one line
 * that says why. */
void choice_open(const struct choice *choice, struct target *target, struct heap_view *view);
/* Copy the heap of an open target. A process that is just being started may not have loaded HAKMEM
 * yet, or may still be another program: then it is opened again, for a fraction of a second. False:
 * see target->error. */
bool choice_view_open(struct heap_view *view, struct target *target, bool is_to_write);
/* "redis-server [1234]", or "core (redis-server [1234])". */
const char *choice_title(const struct target *target);

#endif
