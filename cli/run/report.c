/* SPDX-License-Identifier: MIT */
/*
 * The reports that processes with the library leave at their exit, PID.report, read and checked.
 * Called by run.c and family.c.
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

#include "base/memory.h"
#include "base/text.h"

#define REPORT_SUFFIX ".report"
#define REPORT_BYTES_MAX ((size_t)16384)

/* ---- Reading ---- */

static const char *const key_names[KEY_COUNT] = {
#define ROW(key) [KEY_##key] = #key,
    REPORT_KEYS(ROW)
#undef ROW
};

const char *report_key_name(size_t key)
{
    return key_names[key];
}

/* Which lines have been seen; KEY_COUNT stands for the end. */
struct reading {
    struct report *report;
    bool seen[KEY_COUNT + 1];
    bool bad;
};

static void read_number(struct reading *reading, const char *key, const char *text)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(key, key_names[i]) != 0)
            continue;
        if (!text_to_number(text, &reading->report->value[i]) || reading->seen[i])
            reading->bad = true;
        reading->seen[i] = true;
    }
}

/* One line without its newline. A key that is not known is of a newer library, and skipped. */
static void read_line(struct reading *reading, char *line)
{
    char *space = strchr(line, ' ');
    if (!space || reading->seen[KEY_COUNT]) {
        reading->bad = true;
        return;
    }
    *space = '\0';
    const char *text = space + 1;
    struct report *report = reading->report;
    if (strcmp(line, "version") == 0)
        snprintf(report->version, sizeof report->version, "%s", text);
    else if (strcmp(line, "program") == 0)
        snprintf(report->program, sizeof report->program, "%s", text);
    else if (strcmp(line, "command") == 0)
        snprintf(report->command, sizeof report->command, "%s", text);
    else if (strcmp(line, "end") == 0)
        reading->seen[KEY_COUNT] = true;
    else
        read_number(reading, line, text);
}

/* `bytes` is a whole file, ended by a NUL. */
static enum report_state read_text(char *bytes, struct report *report)
{
    struct reading reading = {.report = report};
    char *line = bytes;
    for (char *newline; (newline = strchr(line, '\n')); line = newline + 1) {
        *newline = '\0';
        read_line(&reading, line);
    }
    if (*line != '\0' || reading.bad)
        return REPORT_INCOMPLETE;
    for (size_t i = 0; i <= KEY_COUNT; i++)
        if (!reading.seen[i])
            return REPORT_INCOMPLETE;
    return REPORT_COMPLETE;
}

static bool is_older(struct timespec time, struct timespec than)
{
    return time.tv_sec != than.tv_sec ? time.tv_sec < than.tv_sec : time.tv_nsec < than.tv_nsec;
}

/* The file's bytes up to the limit; -1 when it is no report of this run. */
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
    char bytes[REPORT_BYTES_MAX + 1];
    int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return REPORT_MISSING;
    ssize_t length = read_file(file, since, bytes, REPORT_BYTES_MAX);
    close(file);
    if (length < 0)
        return REPORT_MISSING;
    bytes[length] = '\0';
    return read_text(bytes, report);
}

/* PID.report, or PID.NUMBER.report of a later process, or program, with the same number. */
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

static uint64_t sum_of_lanes(const struct report *report, size_t first)
{
    const size_t keys_of_lane = KEY_lane_pool_live_bytes - KEY_lane_tiny_live_bytes;
    uint64_t sum = 0;
    for (size_t key = first; key <= KEY_lane_huge_free_bytes; key += keys_of_lane)
        sum += report->value[key];
    return sum;
}

uint64_t report_live_bytes(const struct report *report)
{
    return sum_of_lanes(report, KEY_lane_tiny_live_bytes);
}

uint64_t report_live_blocks(const struct report *report)
{
    return sum_of_lanes(report, KEY_lane_tiny_live_blocks);
}
