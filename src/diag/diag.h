/* SPDX-License-Identifier: MIT */
/*
 * Diagnosis: figures that are computed when they are asked for, and the check of all invariants.
 * This layer only reads the layers below, and they do not know of it.
 */
#ifndef HAK_DIAG_DIAG_H
#define HAK_DIAG_DIAG_H

#include "front/front.h"

#include "hakmem/hakmem.h"

/* Purpose: the part of a snapshot about one size class. */
struct class_figures {
    uint32_t size;
    size_t slabs;
    size_t live;   /* blocks */
    size_t cached; /* blocks in bins and the depot */
    size_t depot;  /* of these, in the depot */
    size_t free;   /* blocks in slabs */
    struct traffic traffic;
};

/* Purpose: all figures of one moment. Those of one class are consistent; those of different classes
 * may not be. */
struct snapshot {
    struct class_figures classes[CLASS_ACE_LAST + 1];
    struct hak_stats stats;
    uint64_t peak_bytes; /* the most that mapped_bytes has been */
};

/* stats.c: fill a snapshot. The reservation need not exist. */
void snapshot_take(struct snapshot *snapshot);
/* A filled snapshot in memory for metadata; the caller gives it back. It is too large for the
 * smallest stack that a thread may have. All zero if there is no memory for it. */
const struct snapshot *snapshot_borrow(void);
void snapshot_return(const struct snapshot *snapshot);

/* render.c: a snapshot as text for people, and as glibc's malloc_info XML. */
void render_text(struct writer *writer, const struct snapshot *snapshot);
void render_xml(struct writer *writer, const struct snapshot *snapshot);

/* render_formats.c: a snapshot for programs: JSON, OpenMetrics text, and the report of a process
 * (JSON that cli/run/report.c reads). `libc_calls` are those handed over to libc, by reason. */
void render_json(struct writer *writer, const struct snapshot *snapshot,
                 const uint64_t *libc_calls);
void render_metrics(struct writer *writer, const struct snapshot *snapshot,
                    const uint64_t *libc_calls);
void render_report(struct writer *writer, const struct snapshot *snapshot,
                   const uint64_t *libc_calls);

/* sites.c: count one call of a site; get its figures; call `line` for each site. */
void sites_count(uint32_t site, size_t size);
bool sites_get(uint32_t site, struct hak_site *out);
void sites_render(struct writer *writer, void (*line)(struct writer *, const struct hak_site *));

/* check.c: recount every invariant. Returns the number of faults; each is reported in a line. */
unsigned check_all(void);

#endif
