/* SPDX-License-Identifier: MIT */
/*
 * Writes requests. It writes only to the object that the library has for requests, in the library's
 * own memory (heap/copy.c checks that). It writes through the descriptor by which the target was
 * read: if the process executes another program meanwhile, the write fails, and that program is not
 * changed.
 */
#include "heap/mailbox.h"

#include <errno.h>
#include <unistd.h>

#include "heap/process.h"
#include "heap/target_read.h"

/* A process counts as idle after this many seconds. The helper thread looks once a second. */
#define IDLE_SECONDS 0.3
#define IDLE_SECONDS_WITH_HELPER 1.5

struct mailbox mailbox_of(const struct heap_view *view, unsigned slot, int64_t value)
{
    uint64_t all = (uintptr_t)view->root.request;
    return (struct mailbox){
        .target = view->target,
        .slot = all + offsetof(union seen_requests, slots) + slot * sizeof(union seen_request),
        .waiting = all + offsetof(union seen_requests, is_waiting),
        .value = value,
        .idle_seconds = view->settings.background == CHOICE_YES ? IDLE_SECONDS_WITH_HELPER
                                                                : IDLE_SECONDS};
}

/* Write the value first, then the number that makes it a request, then the flag that makes slow
 * paths look. The number differs from that of any other command: if two commands use the same slot
 * at the same time, the request that is written last counts. */
bool mailbox_write(const struct mailbox *mailbox)
{
    struct target *target = mailbox->target;
    union seen_request request;
    if (!mailbox_read(mailbox, &request))
        return process_explain(target, ESRCH);
    uint32_t asked = request.asked + 2 * (uint32_t)getpid() + 1;
    uint32_t yes = 1;
    return target_write(target, mailbox->slot + offsetof(union seen_request, value),
                        &mailbox->value, sizeof mailbox->value) &&
           target_write(target, mailbox->slot + offsetof(union seen_request, asked), &asked,
                        sizeof asked) &&
           target_write(target, mailbox->waiting, &yes, sizeof yes);
}

bool mailbox_read(const struct mailbox *mailbox, union seen_request *request)
{
    return target_read(mailbox->target, mailbox->slot, request, sizeof *request);
}

static uint64_t lease_at(const struct heap_view *view)
{
    return (uintptr_t)view->root.request + offsetof(union seen_requests, profile_lease);
}

bool mailbox_read_lease(const struct heap_view *view, uint32_t *number)
{
    return target_read(view->target, lease_at(view), number, sizeof *number);
}

bool mailbox_write_lease(const struct heap_view *view, uint32_t number)
{
    return target_write(view->target, lease_at(view), &number, sizeof number);
}
