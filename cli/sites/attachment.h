/* SPDX-License-Identifier: MIT */
/*
 * The command as a client of a process's profiler: it asks the process to profile, and to stop.
 */
#ifndef HAK_CLI_ATTACHMENT_H
#define HAK_CLI_ATTACHMENT_H

#include "heap/activity.h"
#include "heap/mailbox.h"

enum attach_state {
    ATTACH_ASKED,   /* the process has not come to a slow path yet */
    ATTACH_ON,      /* it profiles */
    ATTACH_REFUSED, /* it has no memory for that */
    ATTACH_LOST     /* it has ended, or is another program */
};

/* Purpose: one command at one process. */
struct attachment {
    const struct heap_view *view;
    struct mailbox mailbox;
    struct activity activity;
    enum attach_state state;
    bool is_idle;      /* the process has done nothing since it was asked */
    uint32_t lease;    /* the number that this command has written last */
    double renewed_at; /* by clock_seconds */
    double others_at;  /* when another command was last seen to profile the process; 0: never */
};

/* Ask the process to profile, with this mean interval in bytes. If it profiles already, its
 * interval stays. False: see the target's error. */
bool attach_begin(struct attachment *attachment, const struct heap_view *view, int64_t interval);
/* Look at the state of the process, and renew the lease. To be called at least once a second, and
 * every few milliseconds until the process has answered. */
enum attach_state attach_look(struct attachment *attachment);
/* Ask the process to stop. If another command profiles it too, leave that to the other command.
 * False: the process has not stopped yet. */
bool attach_end(struct attachment *attachment);

#endif
