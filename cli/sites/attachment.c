/* SPDX-License-Identifier: MIT */
/*
 * Asks a process to profile. The process profiles only as long as the command renews its lease, so
 * that profiling ends if the command is killed. The last of several commands asks the process to
 * stop. A command notices the others by the lease: it has numbers that the command did not write.
 */
#include "sites/attachment.h"

#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "heap/nudge.h"

#define RENEW_SECONDS 1.0
/* A command that has not renewed the lease for this time is gone. */
#define OTHERS_SECONDS 3.0
/* How long the process may take to stop before it counts as idle. */
#define STOP_SECONDS 1.0
#define STOP_LOOK_NS 5000000

static bool write_lease(struct attachment *attachment)
{
    attachment->renewed_at = clock_seconds();
    return mailbox_write_lease(attachment->view, ++attachment->lease);
}

static void look_for_others(struct attachment *attachment)
{
    uint32_t number;
    if (mailbox_read_lease(attachment->view, &number) && number != attachment->lease)
        attachment->others_at = clock_seconds();
}

bool attach_begin(struct attachment *attachment, const struct heap_view *view, int64_t interval)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *attachment = (struct attachment){
        .view = view,
        .mailbox = mailbox_of(view, REQUEST_PROFILE, interval),
        /* another command is unlikely to use numbers near this one */
        .lease = (uint32_t)getpid() * UINT32_C(2654435769) ^ (uint32_t)now.tv_nsec << 2,
    };
    return write_lease(attachment) && mailbox_write(&attachment->mailbox);
}

/* As long as the process has not answered, nudge its threads each time: a thread may undo a
 * nudge. */
static enum attach_state look_for_answer(struct attachment *attachment)
{
    union seen_request request;
    if (!mailbox_read(&attachment->mailbox, &request))
        return ATTACH_LOST;
    if (request.served == request.asked)
        return request.result < 0 ? ATTACH_REFUSED : ATTACH_ON;
    attachment->is_idle = activity_is_idle(&attachment->activity, attachment->mailbox.target,
                                           attachment->mailbox.idle_seconds);
    return nudge_threads(attachment->view) ? ATTACH_ASKED : ATTACH_LOST;
}

enum attach_state attach_look(struct attachment *attachment)
{
    if (clock_seconds() - attachment->renewed_at >= RENEW_SECONDS) {
        look_for_others(attachment);
        if (!write_lease(attachment))
            attachment->state = ATTACH_LOST;
    }
    if (attachment->state == ATTACH_ASKED)
        attachment->state = look_for_answer(attachment);
    return attachment->state;
}

static bool wait_for_stop(struct attachment *attachment)
{
    const struct timespec step = {.tv_nsec = STOP_LOOK_NS};
    union seen_request request;
    for (double end = clock_seconds() + STOP_SECONDS; clock_seconds() < end; nanosleep(&step, NULL))
        if (!mailbox_read(&attachment->mailbox, &request) || request.served == request.asked)
            return true;
    return false;
}

bool attach_end(struct attachment *attachment)
{
    bool was_on = attachment->state == ATTACH_ON;
    if (attachment->state == ATTACH_LOST || attachment->state == ATTACH_REFUSED)
        return true;
    look_for_others(attachment);
    if (attachment->others_at > 0 && clock_seconds() - attachment->others_at < OTHERS_SECONDS)
        return true;
    attachment->mailbox.value = 0; /* takes the place of a request that has not been served */
    return !mailbox_write(&attachment->mailbox) || !was_on || wait_for_stop(attachment);
}
