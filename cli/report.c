/* SPDX-License-Identifier: MIT */
/*
 * The report that a process with the library leaves at its exit, PID.report, read and checked, and
 * the text that `hakmem run` ends with. Called by run.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "hakmem/hakmem.h"

#define REPORT_SUFFIX ".report"
#define REPORT_BYTES_MAX ((size_t)16384)

/* ---- Reading ---- */

static const char *const key_names[KEY_COUNT] = {
#define ROW(key) [KEY_##key] = #key,
    REPORT_KEYS(ROW)
#undef ROW
};

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
static bool is_report_name(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    const char *rest = name + digits;
    size_t more = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
    if (more > 0)
        rest += 1 + more;
    return digits > 0 && strcmp(rest, REPORT_SUFFIX) == 0;
}

struct report report_collect(const char *directory, pid_t pid, struct timespec since)
{
    struct report report = {.state = REPORT_MISSING};
    char own_name[32];
    snprintf(own_name, sizeof own_name, "%d" REPORT_SUFFIX, (int)pid);
    DIR *listing = opendir(directory);
    if (!listing)
        return report;
    report.state = read_report(dirfd(listing), own_name, since, &report);
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (!is_report_name(entry->d_name) || strcmp(entry->d_name, own_name) == 0)
            continue;
        struct report other;
        enum report_state state = read_report(dirfd(listing), entry->d_name, since, &other);
        report.others += state != REPORT_MISSING;
        report.others_incomplete += state == REPORT_INCOMPLETE;
    }
    closedir(listing);
    return report;
}

/* ---- Values as text ---- */

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static struct short_text text_of_seconds(double seconds)
{
    struct short_text text;
    snprintf(text.bytes, sizeof text.bytes, "%.*f s", seconds < 99.9995 ? 3 : 1, seconds);
    return text;
}

/* ---- Printing: a label of 9 columns, then what it is about ---- */

#define LABEL "%-9s "

/* Text from outside, cut to `limit` columns and made printable. */
static void print_name(FILE *out, const char *name, int limit)
{
    for (int i = 0; name[i]; i++) {
        if (i == limit - 3 && strlen(name + i) > 3) {
            fputs("...", out);
            return;
        }
        unsigned char byte = (unsigned char)name[i];
        fputc(byte < ' ' || byte >= 0x7f ? '?' : byte, out);
    }
}

static void print_status(FILE *out, int status)
{
    if (!WIFSIGNALED(status)) {
        fprintf(out, LABEL "exit status %d\n", "ended", WEXITSTATUS(status));
        return;
    }
    int number = WTERMSIG(status);
    const char *name = sigabbrev_np(number);
    if (name)
        fprintf(out, LABEL "killed by SIG%s (%s)", "ended", name, sigdescr_np(number));
    else
        fprintf(out, LABEL "killed by signal %d", "ended", number);
    fprintf(out, "%s; status %d\n", WCOREDUMP(status) ? ", core dumped" : "",
            EXIT_SIGNAL_BASE + number);
}

static void print_program(FILE *out, const struct outcome *outcome, const struct report *report)
{
    const char *slash = strrchr(outcome->program, '/');
    const char *name = slash ? slash + 1 : outcome->program;
    fprintf(out, LABEL, "program");
    print_name(out, outcome->program, 30);
    fprintf(out, ", pid %d", (int)outcome->pid);
    /* the kernel keeps 15 bytes of a name */
    if (report->state == REPORT_COMPLETE && strncmp(name, report->program, 15) != 0) {
        fputs(", ended as ", out);
        print_name(out, report->program, 15);
    }
    fputc('\n', out);
    print_status(out, outcome->status);
}

static void print_kernel(FILE *out, const struct outcome *outcome, const struct report *report)
{
    const struct rusage *usage = &outcome->usage;
    double user = seconds_of(usage->ru_utime);
    double system = seconds_of(usage->ru_stime);
    fprintf(out, LABEL "%s wall, %s user,\n" LABEL "%s system with page faults (%s of CPU)\n",
            "time", text_of_seconds(outcome->wall_seconds).bytes, text_of_seconds(user).bytes, "",
            text_of_seconds(system).bytes, text_of_percent(system, user + system).bytes);
    uint64_t peak = (uint64_t)usage->ru_maxrss * 1024;
    uint64_t last = report->state == REPORT_COMPLETE ? report->value[KEY_rss_bytes] : 0;
    /* the kernel looks for a peak now and then only */
    fprintf(out, LABEL "%s peak", "RSS", text_of_size(peak > last ? peak : last).bytes);
    if (report->state == REPORT_COMPLETE)
        fprintf(out, ", %s at exit", text_of_size(last).bytes);
    fprintf(out, "\n" LABEL "%ld minor, %ld major\n", "faults", usage->ru_minflt, usage->ru_majflt);
}

/* The keys of one lane, in their order in REPORT_LANE_KEYS. */
enum { LIVE_BYTES, LIVE_BLOCKS, CACHED_BYTES, FREE_BYTES, LANE_KEYS };

static uint64_t lane_value(const struct report *report, unsigned lane, unsigned key)
{
    return report->value[KEY_lane_tiny_live_bytes + LANE_KEYS * lane + key];
}
_Static_assert(KEY_lane_tiny_live_bytes + LANE_KEYS * HAK_LANE_COUNT - 1 ==
                       KEY_lane_huge_free_bytes &&
                   KEY_lane_tiny_free_bytes - KEY_lane_tiny_live_bytes == FREE_BYTES,
               "the lanes' keys follow each other");

static uint64_t sum_of_lanes(const struct report *report, unsigned key)
{
    uint64_t sum = 0;
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        sum += lane_value(report, lane, key);
    return sum;
}

static void print_lanes(FILE *out, const struct report *report)
{
    static const char *const names[HAK_LANE_COUNT] = {"Tiny", "Pool", "ACE", "Huge"};
    double all = (double)sum_of_lanes(report, LIVE_BYTES);
    fprintf(out, LABEL "%12s %12s %8s %12s %12s\n", "lane", "live", "blocks", "share", "cached",
            "free");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        uint64_t live = lane_value(report, lane, LIVE_BYTES);
        fprintf(out, "  %-7s %12s %12" PRIu64 " %8s %12s %12s\n", names[lane],
                text_of_size(live).bytes, lane_value(report, lane, LIVE_BLOCKS),
                text_of_percent((double)live, all).bytes,
                text_of_size(lane_value(report, lane, CACHED_BYTES)).bytes,
                text_of_size(lane_value(report, lane, FREE_BYTES)).bytes);
    }
}

static void print_heap(FILE *out, const struct report *report)
{
    const uint64_t *value = report->value;
    uint64_t live = sum_of_lanes(report, LIVE_BYTES);
    fprintf(out, LABEL "%s (%" PRIu64 " bytes) in %" PRIu64 " blocks at exit\n", "live",
            text_of_size(live).bytes, live, sum_of_lanes(report, LIVE_BLOCKS));
    fprintf(out, LABEL "%s, reserved %s, ", "mapped", text_of_size(value[KEY_mapped_bytes]).bytes,
            text_of_size(value[KEY_reserved_bytes]).bytes);
    fprintf(out, "warm %s, metadata %s\n", text_of_size(value[KEY_warm_bytes]).bytes,
            text_of_size(value[KEY_metadata_bytes]).bytes);
    fprintf(out, LABEL "%s given back to the kernel\n", "purged",
            text_of_size(value[KEY_purged_bytes]).bytes);
    fprintf(out, LABEL "%" PRIu64 " with a cache at exit\n", "threads", value[KEY_threads]);
    print_lanes(out, report);
}

/* The sum, and a line for each reason that occurred. */
static void print_hand_overs(FILE *out, const struct report *report)
{
    const size_t prefix = strlen("fb_");
    uint64_t sum = 0;
    for (size_t key = KEY_fb_force_libc; key <= KEY_fb_init_wait; key++)
        sum += report->value[key];
    fprintf(out, LABEL "%" PRIu64 " calls handed over\n", "libc", sum);
    for (size_t key = KEY_fb_force_libc; key <= KEY_fb_init_wait; key++)
        if (report->value[key] > 0)
            fprintf(out, "  %-15s %12" PRIu64 "\n", key_names[key] + prefix, report->value[key]);
}

static void print_others(FILE *out, const struct report *report)
{
    if (report->others == 0)
        return;
    fprintf(out, LABEL "%u other process%s reported", "others", report->others,
            report->others == 1 ? "" : "es");
    if (report->others_incomplete)
        fprintf(out, " (%u incomplete)", report->others_incomplete);
    fputc('\n', out);
}

void report_print(FILE *out, const struct outcome *outcome, const struct report *report)
{
    bool complete = report->state == REPORT_COMPLETE;
    fputs("==== hakmem ", out);
    print_name(out, complete ? report->version : HAKMEM_VERSION_STRING, 15);
    fputs(" ====\n", out);
    print_program(out, outcome, report);
    print_kernel(out, outcome, report);
    if (complete) {
        print_heap(out, report);
        print_hand_overs(out, report);
    } else if (report->state == REPORT_INCOMPLETE) {
        fprintf(out, LABEL "incomplete: the program ended while it wrote it\n", "report");
    } else if (WIFSIGNALED(outcome->status)) {
        fprintf(out, LABEL "none: killed before it could write one\n", "report");
    } else {
        fprintf(out, LABEL "none: ended by _exit, statically linked or setuid\n", "report");
    }
    print_others(out, report);
}
