/* SPDX-License-Identifier: MIT */
/*
 * Opens the process that a job is about.
 */
#include "serve/open.h"

#include "heap/choose.h"
#include "heap/process.h"

unsigned open_failed(FILE *out, const struct target *target, unsigned other)
{
    fprintf(out, "%s\n", target->error);
    return target->is_refused   ? ANSWER_FORBIDDEN
           : target->is_damaged ? ANSWER_BAD_TARGET
           : target->is_gone    ? ANSWER_NOT_FOUND
                                : other;
}

unsigned open_heap(pid_t pid, FILE *out, struct target *target, struct heap_view *view)
{
    if (!target_open_process(target, pid))
        return open_failed(out, target, ANSWER_NOT_FOUND);
    if (choice_view_open(view, target, false))
        return ANSWER_OK;
    unsigned status = open_failed(out, target,
                                  target->is_without ? ANSWER_NOT_FOUND : ANSWER_BAD_TARGET);
    target_close(target);
    return status;
}
