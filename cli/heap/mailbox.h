/* SPDX-License-Identifier: MIT */
/*
 * Requests to a process: written into the object that its library has for them. The process serves
 * a request in its next slow path of malloc or free.
 */
#ifndef HAK_CLI_MAILBOX_H
#define HAK_CLI_MAILBOX_H

#include "heap/view.h"

/* Purpose: a request, and the addresses where it is written. */
struct mailbox {
    struct target *target;
    uint64_t slot;    /* addresses in the target */
    uint64_t waiting; /* the flag that makes slow paths look */
    int64_t value;
    double idle_seconds; /* a process is idle when it has done nothing for this time */
};

/* The mailbox for a slot of enum request_slot. */
struct mailbox mailbox_of(const struct heap_view *view, unsigned slot, int64_t value);
/* Write the request. False: see the target's error. */
bool mailbox_write(const struct mailbox *mailbox);
/* Read the slot. The request has been served when `served` equals `asked`. */
bool mailbox_read(const struct mailbox *mailbox, union seen_request *request);

/* The lease: a command that profiles writes a new number again and again (struct requests). */
bool mailbox_read_lease(const struct heap_view *view, uint32_t *number);
bool mailbox_write_lease(const struct heap_view *view, uint32_t number);

#endif
