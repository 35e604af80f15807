/* SPDX-License-Identifier: MIT */
/*
 * The figures of a heap as plain numbers, the names of the figures, and their forms for programs:
 * JSON and OpenMetrics text. The library computes them from inside, the command `hakmem` from
 * outside. docs/FIGURES.md lists the names, which are an interface.
 */
#ifndef HAK_DIAG_FIGURES_H
#define HAK_DIAG_FIGURES_H

#include "lane/lane.h"

#include "hakmem/hakmem.h"

/* The version of the JSON. It is incremented when a name goes, or gets another meaning. */
#define FIGURES_FORMAT 2

enum block_state { BLOCK_LIVE, BLOCK_FREE, BLOCK_IN_THREAD, BLOCK_IN_DEPOT, BLOCK_STATES };

extern const char *const block_state_names[BLOCK_STATES];
extern const char *const lane_names[HAK_LANE_COUNT];  /* for programs: "tiny" */
extern const char *const lane_titles[HAK_LANE_COUNT]; /* for people: "Tiny" */
extern const char *const libc_reason_names[HAK_FB_COUNT];

/* The lane of a class of Tiny, Pool or ACE blocks. */
unsigned lane_of_class(unsigned size_class);

/* Purpose: the figures of one size class, or of one lane. */
struct row_figures {
    uint32_t size; /* of the class's blocks; a lane has none */
    uint64_t extents;
    uint64_t blocks[BLOCK_STATES];
    uint64_t bytes
        [BLOCK_STATES]; /* bytes of the blocks: from outside resident bytes only, from inside all */
    uint64_t mapped;    /* from outside: the address space of the extents in bytes */
    struct traffic traffic; /* blocks refilled and flushed since the start */
};

/* Purpose: all figures of one moment. Owner: the caller that fills it. */
struct figures {
    const char *version; /* of the library */
    int pid;
    bool is_outside; /* residency is known */
    uint64_t rss;    /* 0 from inside, where it is not asked for */
    uint64_t peak_rss;
    const struct row_figures *lanes;
    /* Compute the row of one class. There is no array of rows: it would be larger than the smallest
     * stack. */
    void (*class_row)(const void *context, unsigned size_class, struct row_figures *row);
    const void *context;
    const uint64_t *libc_calls; /* by reason */
    uint64_t threads;
    uint64_t reserved;
    uint64_t mapped;
    uint64_t warm;
    uint64_t metadata;
    uint64_t thread_cached; /* from inside */
    uint64_t depots;        /* from inside */
    uint64_t huge_page_waste;
    uint64_t purged;
    uint64_t implausible; /* from outside */
};

/* Purpose: one figure of the whole heap, with its names. Immutable. */
struct figures_total {
    size_t offset;                                               /* in struct figures */
    enum { FIGURES_BOTH, FIGURES_INSIDE, FIGURES_OUTSIDE } side; /* from where it is known */
    const char *key;                                             /* in JSON */
    const char *name; /* the name of the metric; NULL: there is none */
    const char *type;
    const char *help;
};
#define FIGURES_TOTALS 10
extern const struct figures_total figures_totals[FIGURES_TOTALS];

/* The JSON is one object. Between begin and end the caller may write further members, each after
 * ",\n". */
void figures_json_begin(struct writer *writer, const struct figures *figures);
void figures_json_end(struct writer *writer, const struct figures *figures);
void figures_json_number(struct writer *writer, const char *key, int64_t value);
/* Text with any bytes: those that are not printable become '?'. */
void figures_json_text(struct writer *writer, const char *key, const char *text);

/* OpenMetrics text. The caller may write further metrics before it. */
void figures_metrics(struct writer *writer, const struct figures *figures);
void figures_metric_head(struct writer *writer, const char *name, const char *type,
                         const char *help);

#endif
