/* SPDX-License-Identifier: MIT */
/*
 * A program and its descendants while they run: the kernel's figures of each, and looks at the
 * heaps of the largest.
 */
#ifndef HAK_CLI_FAMILY_H
#define HAK_CLI_FAMILY_H

#include "run/report.h"
#include "run/sampler.h"

/* One process. Peaks are of the program that it has executed last, or is. */
struct member {
    pid_t pid;
    uint64_t started; /* with pid it is the process */
    char command[REPORT_COMMAND_BYTES];
    uint64_t peak;      /* bytes resident at most, as the kernel said at the last look or later */
    uint64_t rss;       /* at the last look */
    unsigned round;     /* the last in which it was there */
    unsigned looked_at; /* the last in which its heap was looked at */
    bool is_copy;       /* forked, and no program executed since */
    bool has_ended;
    bool is_peak_final; /* `peak` is the kernel's word in the process's exit */
    bool has_end;       /* the next two hold: its figures at its exit */
    uint64_t live_end;
    uint64_t blocks_end;
    struct sampler *sampler; /* NULL: its heap was not looked at, or is not among the largest */
};

/* The whole family at one moment. */
struct family_sum {
    size_t count;
    uint64_t rss; /* a page that several share counts for each */
    uint64_t pss; /* it counts once; 0: not known, since only one process had been seen by then */
};

/* Purpose: what has been seen. Invariant: the first member is the program itself. */
struct family {
    const char *command; /* ours, for progress */
    bool is_watched;     /* heaps are looked at, and progress is shown */
    double start;
    struct member *members;
    size_t count;
    unsigned round;
    size_t most_at_a_time;
    struct family_sum sum; /* when the sum of RSS was largest, of all moments that were looked at */
    /* The kernel's peak of the largest process that was waited for, seen or not. 0: not known,
     * since the kernel counts what each process was before it executed anything, a copy of us, and
     * we had more at that time. */
    uint64_t largest;
    uint64_t least; /* what we had */
    double last_words;
};

/* `start` of the looks is now. */
void family_begin(struct family *family, const char *command, bool is_watched);
void family_end(struct family *family);
/* Look at `root` and its descendants; the form of program->watch: returns the ms until the next
 * look. */
unsigned family_look(void *family, pid_t root);
/* Look at the next one that comes to the door before its end, and let it go; the form of
 * program->answer. */
void family_answer(void *family, int door);
/* The program has ended, and these are the reports of it and others. */
void family_add_ends(struct family *family, const struct outcome *outcome,
                     const struct reports *reports);

/* The member that matters: the one with the largest peak, the program itself if it is close. */
const struct member *family_main(const struct family *family);
/* Had a process that was waited for, and is no member, a peak that is larger than all members'? */
bool family_has_unseen(const struct family *family);
/* The members with the largest peaks, in their order; returns how many. */
size_t family_order(const struct family *family, const struct member **order, size_t most);

#endif
