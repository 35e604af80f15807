/* SPDX-License-Identifier: MIT */
/*
 * Reads and checks the reports that processes with the library leave at their exit, PID.report.
 */
#include "run/report.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"

#define REPORT_SUFFIX ".report"
#define REPORT_BYTES_MAX ((size_t)64 << 10)

/* ---- Reading ---- */

/* Read the figures of the whole heap that the library knows; each must be there. */
static bool read_totals(const struct json_object *object, struct figures *figures)
{
    for (size_t i = 0; i < FIGURES_TOTALS; i++) {
        const struct figures_total *total = &figures_totals[i];
        uint64_t value;
        if (total->side == FIGURES_OUTSIDE)
            continue;
        if (!json_get_number(object, total->key, &value))
            return false;
        memcpy((char *)figures + total->offset, &value, sizeof value);
    }
    /* these are left out if the kernel does not say them */
    json_get_number(object, "rss_bytes", &figures->rss);
    json_get_number(object, "peak_rss_bytes", &figures->peak_rss);
    return true;
}

static bool read_lanes(const struct json_object *object, struct report_lane lanes[HAK_LANE_COUNT])
{
    struct json_object *rows = json_get_array(object, "lanes");
    if (!rows || json_object_array_length(rows) != HAK_LANE_COUNT)
        return false;
    for (size_t i = 0; i < HAK_LANE_COUNT; i++) {
        const struct json_object *row = json_object_array_get_idx(rows, i);
        if (!json_get_number(row, "live_bytes", &lanes[i].live_bytes) ||
            !json_get_number(row, "live_blocks", &lanes[i].live_blocks) ||
            !json_get_number(row, "cached_bytes", &lanes[i].cached_bytes) ||
            !json_get_number(row, "free_bytes", &lanes[i].free_bytes))
            return false;
    }
    return true;
}

static bool read_calls(const struct json_object *object, uint64_t calls[HAK_FB_COUNT])
{
    struct json_object *by_reason;
    if (!json_object_object_get_ex(object, "libc_calls", &by_reason))
        return false;
    for (size_t i = 0; i < HAK_FB_COUNT; i++)
        if (!json_get_number(by_reason, libc_reason_names[i], &calls[i]))
            return false;
    return true;
}

/* An unknown key comes from a newer library, and is skipped. */
static enum report_state read_text(const char *text, size_t length, struct report *report)
{
    bool is_cut;
    struct json_object *object = json_read(text, length, &is_cut);
    json_get_text(object, "hakmem", report->version, sizeof report->version);
    json_get_text(object, "program", report->program, sizeof report->program);
    json_get_text(object, "command", report->command, sizeof report->command);
    bool is_whole = read_totals(object, &report->figures) && read_lanes(object, report->lanes) &&
                    read_calls(object, report->libc_calls);
    json_object_put(object);
    if (!report->program[0])
        strcpy(report->program, "?");
    return is_whole ? REPORT_COMPLETE : REPORT_INCOMPLETE;
}

static bool is_older(struct timespec time, struct timespec than)
{
    return time.tv_sec != than.tv_sec ? time.tv_sec < than.tv_sec : time.tv_nsec < than.tv_nsec;
}

/* Read a file up to the limit; -1 if it is no report of this run. */
static ssize_t read_file(int file, struct timespec since, char *bytes, size_t limit)
{
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || is_older(status.st_mtim, since))
        return -1;
    size_t length = 0;
    ssize_t part;
    while ((part = read(file, bytes + length, limit - length)) > 0)
        length += (size_t)part;
    return part < 0 ? -1 : (ssize_t)length;
}

static enum report_state read_report(int directory, const char *name, struct timespec since,
                                     struct report *report)
{
    static char bytes[REPORT_BYTES_MAX];
    int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return REPORT_MISSING;
    ssize_t length = read_file(file, since, bytes, REPORT_BYTES_MAX);
    close(file);
    return length < 0 ? REPORT_MISSING : read_text(bytes, (size_t)length, report);
}

/* Parse PID.report, or PID.NUMBER.report of a later process, or program, with the same number. */
static bool parse_name(const char *name, struct report *report)
{
    char *end;
    *report = (struct report){.state = REPORT_MISSING};
    if (name[0] < '0' || name[0] > '9')
        return false;
    report->pid = (pid_t)strtol(name, &end, 10);
    if (end[0] == '.' && end[1] >= '0' && end[1] <= '9')
        report->number = (unsigned)strtoul(end + 1, &end, 10);
    return strcmp(end, REPORT_SUFFIX) == 0;
}

void reports_collect(struct reports *reports, const char *directory, struct timespec since)
{
    DIR *listing = opendir(directory);
    *reports = (struct reports){NULL, 0};
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing));) {
        struct report report;
        if (!parse_name(entry->d_name, &report))
            continue;
        report.state = read_report(dirfd(listing), entry->d_name, since, &report);
        if (report.state == REPORT_MISSING)
            continue;
        reports->list = memory_resize(reports->list, reports->count + 1, sizeof report);
        reports->list[reports->count++] = report;
    }
    closedir(listing);
}

void reports_free(struct reports *reports)
{
    free(reports->list);
    *reports = (struct reports){NULL, 0};
}

const struct report *reports_find(const struct reports *reports, pid_t pid)
{
    static const struct report missing = {.state = REPORT_MISSING};
    for (size_t i = 0; i < reports->count; i++)
        if (reports->list[i].pid == pid && reports->list[i].number == 0)
            return &reports->list[i];
    return &missing;
}

/* ---- Sums over lanes ---- */

uint64_t report_live_bytes(const struct report *report)
{
    uint64_t sum = 0;
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        sum += report->lanes[lane].live_bytes;
    return sum;
}

uint64_t report_live_blocks(const struct report *report)
{
    uint64_t sum = 0;
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        sum += report->lanes[lane].live_blocks;
    return sum;
}
