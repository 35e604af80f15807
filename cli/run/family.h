/* SPDX-License-Identifier: MIT */
/*
 * A program and its descendants while they run: the kernel's figures for each, and the heaps of the
 * largest.
 */
#ifndef HAK_CLI_FAMILY_H
#define HAK_CLI_FAMILY_H

#include "run/report.h"
#include "run/sampler.h"

/* One process. Its peak is that of the program which it executed last. */
struct member {
    pid_t pid;
    uint64_t started; /* identifies the process, with pid */
    char command[REPORT_COMMAND_BYTES];
    uint64_t peak;      /* the most resident bytes, as the kernel said at the last look or later */
    uint64_t rss;       /* at the last look */
    unsigned round;     /* the last round in which it existed */
    unsigned looked_at; /* the last round that read its heap */
    bool is_copy;       /* it was forked and has executed no program since */
    bool has_ended;
    bool is_peak_final; /* `peak` is what the kernel said when the process ended */
    bool has_end;       /* the next two fields are set: its figures at its exit */
    uint64_t live_end;
    uint64_t blocks_end;
    struct sampler *sampler; /* NULL: its heap was not read, or it is not among the largest */
};

/* The whole family at one moment. */
struct family_sum {
    size_t count;
    uint64_t rss; /* a page that several processes share counts for each */
    uint64_t pss; /* such a page counts once; 0: not known, as long as there was one process */
};

/* Purpose: a family. Invariant: the first member is the program itself. */
struct family {
    const char *command; /* our verb, for progress */
    bool is_watched;     /* heaps are read, and progress is shown */
    double start;
    struct member *members;
    size_t count;
    unsigned round;
    size_t most_at_a_time;
    struct family_sum sum; /* at the look with the largest sum of RSS */
    /* The kernel's peak of the largest process that was waited for, seen or not. 0: not known. The
     * kernel also counts the time before a process executed its program, when it was a copy of us;
     * if we had more memory then, its figure is ours. */
    uint64_t largest;
    uint64_t least; /* the memory that we had */
    double last_words;
};

/* Begin; the time of the looks starts now. */
void family_begin(struct family *family, const char *command, bool is_watched);
void family_end(struct family *family);
/* Look at `root` and its descendants. Has the form of program->watch: returns the ms until the next
 * look. */
unsigned family_look(void *family, pid_t root);
/* Look at the next member that has connected to the door, and let it continue. Has the form of
 * program->answer. */
void family_answer(void *family, int door);
/* Add the reports of the program, which has ended, and of others. */
void family_add_ends(struct family *family, const struct outcome *outcome,
                     const struct reports *reports);

/* The member that the page is about: the one with the largest peak, or the program itself if it is
 * close. */
const struct member *family_main(const struct family *family);
/* Is there a process that was waited for but is no member, and that had a larger peak than all
 * members? */
bool family_has_unseen(const struct family *family);
/* Find the members with the largest peaks, in order. Returns their number. */
size_t family_order(const struct family *family, const struct member **order, size_t most);

#endif
