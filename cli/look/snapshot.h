/* SPDX-License-Identifier: MIT */
/*
 * A process's heap as a file: the JSON of `hakmem stats`. snapshot.c writes and reads it, diff.c
 * compares two.
 */
#ifndef HAK_CLI_SNAPSHOT_H
#define HAK_CLI_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "look/stats_terms.h"

/* A lane or size class. */
struct snapshot_row {
    char name[24]; /* "tiny", or the size */
    uint64_t live_blocks;
    uint64_t live_bytes;
    uint64_t free_bytes; /* in slabs, caches and depots */
};

#define SNAPSHOT_ROWS_MAX 256

/* Purpose: the figures of a snapshot that are compared. */
struct snapshot {
    char program[64]; /* printable */
    uint64_t pid;
    uint64_t format;
    double at; /* seconds since 1970; 0: not known */
    bool is_core;
    uint64_t rss;               /* 0 in a core */
    uint64_t terms[TERM_COUNT]; /* in the order of stats_terms */
    unsigned terms_seen;
    struct snapshot_row lanes[HAK_LANE_COUNT];
    struct snapshot_row classes[SNAPSHOT_ROWS_MAX];
    size_t class_count;
    char refused[40]; /* the place of the first number that no snapshot can have; "": none */
};

/* Read a file. False, after one line that begins with `command`, if there is none, or if it is no
 * snapshot, incomplete, or of another format. */
bool snapshot_read(const char *command, const char *path, struct snapshot *snapshot);

#endif
